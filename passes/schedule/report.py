"""A solution as rows, as an object for JSON, and as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action
from revc.passes.schedule.simulate import Kind, Step
from revc.passes.schedule.solve import Solution
from revc.passes.schedule.units import show_bytes
from revc.report import html
from revc.report.charts import Line, line_chart, thin

HEADING = ("segment", "kind", "action", "kept", "peak", "at")
_SHOWN_BY = {"optimum": "optimal", "lp": "LP bound", "price": "bound by price"}


@dataclass(frozen=True, slots=True)
class Row:
    """One segment of a plan.

    Attributes:
        kept: bytes that stay for it between its forward and its backward pass.
        peak: the most bytes on the device at any of its steps.
        step: which step that is.
    """

    name: str
    kind: str
    action: Action
    kept: int
    peak: int
    step: Kind

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of `HEADING`."""
        kept, peak = show_bytes(self.kept), show_bytes(self.peak)
        return self.name, self.kind, self.action, kept, peak, self.step


def rows(solution: Solution) -> Iterator[Row]:
    """Yield a row for each segment."""
    chain, highest = solution.chain, _highest(solution.trace.steps)
    outlives = solution.plan.outliving(chain)
    for number, (one, action) in enumerate(
        zip(chain.segments, solution.plan.actions, strict=True), 1
    ):
        given = chain.sizes[number - 1]
        kept = {
            Action.SAVE: one.resid_bytes, Action.INVERT: one.tape_bytes,
        }.get(action, 0)  # fmt: skip
        if action in (Action.SAVE, Action.CHECKPOINT) or number - 1 in outlives:
            kept += given
        worst = highest[number]
        yield Row(one.name, one.kind, action, kept, worst.live, worst.kind)


def _highest(steps: Sequence[Step]) -> dict[int, Step]:
    """Return the first of each segment's highest steps."""
    found: dict[int, Step] = {}
    for step in steps:
        if step.segment not in found or step.live > found[step.segment].live:
            found[step.segment] = step
    return found


def overhead(solution: Solution) -> float:
    """Return how many times the time of a step that saves everything the plan's step takes."""
    plain = solution.chain.plain_time
    return (plain + solution.extra_time) / plain if plain else 1.0


def summary(solution: Solution) -> str:
    """Return what a plan costs, in one sentence."""
    worst = solution.trace.highest
    found = _SHOWN_BY[solution.bound_by]
    shown = found if solution.bound_by == "optimum" else f"{found} {solution.bound:.6g}"
    gap = "" if solution.bound_by == "optimum" else f", gap {100 * solution.gap:.2g} %"
    early = "" if solution.in_time else "; the time limit ended the search"
    return (
        f"peak {show_bytes(worst.live)} of {show_bytes(solution.memory)} "
        f"({worst.kind} {solution.chain.segments[worst.segment - 1].name}), "
        f"extra time {solution.extra_time:.6g} "
        f"({overhead(solution):.4g} x plain; {shown}{gap}{early})"
    )


def as_object(solution: Solution) -> dict[str, object]:
    """Return the answer for JSON."""
    return {
        "name": solution.chain.name,
        "memory": solution.memory,
        "plan": list(solution.plan.actions),
        "peak": solution.trace.peak,
        "extra_time": solution.extra_time,
        "overhead": overhead(solution),
        "bound": solution.bound,
        "bound_by": solution.bound_by,
        "in_time": solution.in_time,
    }


def as_refusal(name: str, error: InfeasibleError) -> dict[str, object]:
    """Return the answer for JSON where no plan fits: its plan is null."""
    return {
        "name": name,
        "memory": error.memory,
        "plan": None,
        "peak": None,
        "extra_time": None,
        "bound": None,
        "least_memory": error.least,
        "set_by": {"segment": error.segment, "step": error.step},
    }


def page(name: str, found: Sequence[Solution | InfeasibleError]) -> str:
    """Return a page: for each budget a sentence, memory by step, and a table of segments."""
    parts = [_part(one) for one in found]
    return html.page(f"revc plan {name}", parts, "Optimality is claimed for one-level plans.")


def _part(found: Solution | InfeasibleError) -> str:
    heading = f"A budget of {show_bytes(found.memory)}"
    if isinstance(found, InfeasibleError):
        return html.section(heading, html.table(("", ""), [("no plan", (str(found), "bad"))]))
    lead = html.table(("", ""), [("cost", summary(found))])
    table = html.table(HEADING, [one.cells() for one in rows(found)])
    return html.section(heading, "\n".join([lead, timeline(found), html.scroll(table)]))


def timeline(solution: Solution) -> str:
    """Return the figure of the bytes on the device at each step, beside the budget."""
    power = max(0, (solution.memory.bit_length() - 7) // 10)
    unit = ("units of size", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
    live = [step.live / 2 ** (10 * power) for step in solution.trace.steps]
    x, y = thin([float(i) for i in range(len(live))], live)
    budget = [solution.memory / 2 ** (10 * power)] * 2
    lines = [
        Line("predicted", x, y, 1),
        Line("budget", [0.0, float(len(live) - 1)], budget, 2),
    ]
    return line_chart(lines, "step: forward passes, loss, backward passes", f"memory, {unit}")
