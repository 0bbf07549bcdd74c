"""A planned step as a page: memory by segment, predicted and measured, beside the budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from revc.errors import ScheduleError
from revc.passes.schedule.units import show_bytes
from revc.planning.costs import kept_by
from revc.planning.measured import At, measured_peaks
from revc.planning.plan import Planned
from revc.planning.report import operations_again, summary
from revc.planning.step import Step
from revc.report import html
from revc.report.charts import Line, line_chart, thin
from revc.runtime.model import ReversibleModel

HEADING = ("segment", "action", "kept", "forward", "backward", "operations again")


@dataclass(frozen=True)
class Timeline:
    """A plan, the step that it predicts, and what a run of it held at each moment, if it was run.

    `measured` are bytes by position and direction, as in `Step.moments`.
    """

    planned: Planned
    step: Step
    measured: Mapping[At, int] | None = None


def timeline_of(
    model: ReversibleModel, values: Mapping[str, Tensor], planned: Planned, measure: bool
) -> Timeline:
    """Return the timeline of a plan; with `measure`, of a run as well."""
    step = planned.costs.steps(planned.schedule)
    found = measured_peaks(model, values, planned.schedule) if measure else None
    return Timeline(planned, step, found)


def page(name: str, found: Sequence["Timeline | tuple[int, ScheduleError]"]) -> str:
    """Return a page of plans: for each budget a sentence, memory by segment, and a table.

    A budget that cannot be met stands with what refuses it.
    """
    parts = [_refused(*one) if isinstance(one, tuple) else _part(one) for one in found]
    lead = "Bytes that a training step holds beside parameters, their gradients and its inputs."
    return html.page(f"revc plan {name}", parts, lead)


def _refused(memory: int, error: ScheduleError) -> str:
    table = html.table(("", ""), [("no plan", (str(error), "bad"))])
    return html.section(f"A budget of {show_bytes(memory)}", table)


def _part(one: Timeline) -> str:
    planned = one.planned
    facts = [("plan", summary(planned)), ("kernels", _kernels(planned))]
    if one.measured is not None:
        facts.append(("measured", _measured(one.measured, planned)))
    table = html.table(_heading(one), rows(one))
    content = [html.table(("", ""), facts), chart(one), html.scroll(table)]
    return html.section(f"A budget of {show_bytes(planned.memory)}", "\n".join(content))


def _kernels(planned: Planned) -> str:
    held = show_bytes(planned.workspace)
    return f"{held} that kernels were seen to hold themselves are in every prediction"


def _measured(measured: Mapping[At, int], planned: Planned) -> str:
    most = max(measured.values(), default=0)
    return f"a step held {show_bytes(most)} at most, {planned.peak / max(1, most):.4g} x predicted"


def _heading(one: Timeline) -> tuple[str, ...]:
    more = ("forward, measured", "backward, measured") if one.measured is not None else ()
    return (*HEADING[:-1], *more, HEADING[-1])


def rows(one: Timeline) -> Iterator[tuple[str, ...]]:
    """Yield a row for each segment: its action, what it keeps, its passes' peaks, its cost."""
    planned = one.planned
    pairs = zip(planned.costs.segments, planned.schedule, strict=True)
    for at, (cost, action) in enumerate(pairs):
        predicted = [_predicted(one, (at, back)) for back in (False, True)]
        seen = () if one.measured is None else (_seen(one, (at, False)), _seen(one, (at, True)))
        again = operations_again(planned, at)
        kept = show_bytes(kept_by(one.step, at))
        yield cost.name, str(action), kept, *map(_shown, (*predicted, *seen)), f"{again:.4g}"


def chart(one: Timeline) -> str:
    """Return the figure: forward passes, the loss, and backward passes, one after the other."""
    planned, count = one.planned, len(one.planned.schedule)
    order = [(at, False) for at in range(count + 1)]
    order += [(at, True) for at in reversed(range(count))]
    power = max(0, (planned.memory.bit_length() - 7) // 10)
    unit = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
    lines = [_line("predicted", [_predicted(one, at) for at in order], power, 1)]
    if one.measured is not None:
        lines.append(_line("measured", [_seen(one, at) for at in order], power, 3))
    budget = [planned.memory / 2 ** (10 * power)] * 2
    lines.append(Line("budget", [0.0, float(max(1, len(order) - 1))], budget, 2))
    label = f"segments: {count} forwards, the loss, {count} backwards"
    return line_chart(lines, label, f"memory, {unit}")


def _line(name: str, peaks: Sequence[int | None], power: int, slot: int) -> Line:
    known = [(float(i), peak) for i, peak in enumerate(peaks) if peak is not None]
    x, y = thin([i for i, _ in known], [peak / 2 ** (10 * power) for _, peak in known])
    return Line(name, x, y, slot)


def _predicted(one: Timeline, at: At) -> int | None:
    moment = one.step.moments.get(at)
    return None if moment is None else moment.peak + one.planned.workspace


def _seen(one: Timeline, at: At) -> int | None:
    return None if one.measured is None else one.measured.get(at)


def _shown(size: int | None) -> str:
    return "" if size is None else show_bytes(size)
