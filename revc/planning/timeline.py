"""A planned step as a page: memory by segment, predicted and measured, beside the budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from revc.errors import ScheduleError
from revc.passes.schedule.units import show_bytes
from revc.planning.costs import kept_by
from revc.planning.course import Course
from revc.planning.measured import At, measured_peaks
from revc.planning.plan import Planned
from revc.planning.report import operations_again, summary
from revc.report import html
from revc.report.charts import Line, line_chart, thin
from revc.runtime.model import ReversibleModel

HEADING = ("segment", "action", "kept", "forward", "backward", "operations again")


@dataclass(frozen=True)
class Timeline:
    """A plan, what it predicts, and what was measured of it.

    Attributes:
        planned: the plan.
        predicted: the most bytes by position and direction; the loss stands behind the last.
        kept: the bytes that each segment keeps.
        measured: what a run of it held at each moment, if it was run.
        course: what its compiled step held, which no segment cuts.
    """

    planned: Planned
    predicted: Mapping[At, int]
    kept: Sequence[int]
    measured: Mapping[At, int] | None = None
    course: Course | None = None


def timeline_of(
    model: ReversibleModel, values: Mapping[str, Tensor], planned: Planned, measure: bool
) -> Timeline:
    """Return the timeline of a plan; with `measure`, of a run as well.

    One for compiled code was measured as it was made, whatever `measure` says.
    """
    if planned.compiled:
        return _compiled(planned)
    step, extra = planned.costs.steps(planned.schedule), planned.workspace
    predicted = {at: moment.peak + extra for at, moment in step.moments.items()}
    kept = [kept_by(step, at) for at in range(len(planned.schedule))]
    found = measured_peaks(model, values, planned.schedule) if measure else None
    return Timeline(planned, predicted, kept, found)


def _compiled(planned: Planned) -> Timeline:
    """Return what costs say of each segment of compiled code, and the course of its step."""
    costs, extra = planned.costs, planned.workspace
    predicted, kept, below = dict[At, int](), list[int](), 0
    for at, (cost, actions) in enumerate(zip(costs.segments, costs.actions, strict=True)):
        way = cost.ways[actions.index(planned.schedule[at])]
        predicted[at, False] = below + way.forward + extra
        predicted[at, True] = below + way.backward + extra
        kept.append(way.kept)
        below += way.kept
    predicted[len(kept), False] = below + costs.loss + extra
    return Timeline(planned, predicted, kept, course=planned.courses[planned.schedule])


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
    if one.course is not None:
        facts.append(("measured", _passes(one.course)))
    table = html.table(_heading(one), rows(one))
    content = [html.table(("", ""), facts), chart(one), html.scroll(table)]
    return html.section(f"A budget of {show_bytes(planned.memory)}", "\n".join(content))


def _kernels(planned: Planned) -> str:
    held = show_bytes(planned.workspace)
    if planned.compiled:
        return f"{held} that the compiled step held more than is counted are in every prediction"
    return f"{held} that kernels were seen to hold themselves are in every prediction"


def _measured(measured: Mapping[At, int], planned: Planned) -> str:
    most = max(measured.values(), default=0)
    return f"a step held {show_bytes(most)} at most, {planned.peak / max(1, most):.4g} x predicted"


def _passes(course: Course) -> str:
    forward, backward = map(show_bytes, course.peaks)
    return f"the compiled step held {forward} at most forwards, and {backward} from the loss on"


def _heading(one: Timeline) -> tuple[str, ...]:
    more = ("forward, measured", "backward, measured") if one.measured is not None else ()
    return (*HEADING[:-1], *more, HEADING[-1])


def rows(one: Timeline) -> Iterator[tuple[str, ...]]:
    """Yield a row for each segment: its action, what it keeps, its passes' peaks, its cost."""
    planned = one.planned
    pairs = zip(planned.costs.segments, planned.schedule, strict=True)
    for at, (cost, action) in enumerate(pairs):
        moments: tuple[At, At] = ((at, False), (at, True))
        peaks = [one.predicted.get(moment) for moment in moments]
        peaks += [] if one.measured is None else [one.measured.get(moment) for moment in moments]
        again = operations_again(planned, at)
        kept = show_bytes(one.kept[at])
        yield cost.name, str(action), kept, *map(_shown, peaks), f"{again:.4g}"


def chart(one: Timeline) -> str:
    """Return the figure: forward passes, the loss, and backward passes, one after the other.

    A compiled step stands in the same range, the forward pass in its first half, by its time.
    """
    planned, count = one.planned, len(one.planned.schedule)
    order = [(at, False) for at in range(count + 1)]
    order += [(at, True) for at in reversed(range(count))]
    power = max(0, (planned.memory.bit_length() - 7) // 10)
    unit = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
    lines = [_line("predicted", _along(order, one.predicted), power, 1)]
    if one.measured is not None:
        lines.append(_line("measured", _along(order, one.measured), power, 3))
    if one.course is not None:
        lines.append(_line("measured", _stretched(one.course, count), power, 3))
    budget = [planned.memory / 2 ** (10 * power)] * 2
    lines.append(Line("budget", [0.0, float(max(1, len(order) - 1))], budget, 2))
    label = f"segments: {count} forwards, the loss, {count} backwards"
    return line_chart(lines, label, f"memory, {unit}")


def _line(name: str, points: Sequence[tuple[float, int]], power: int, slot: int) -> Line:
    x, y = thin([at for at, _ in points], [peak / 2 ** (10 * power) for _, peak in points])
    return Line(name, x, y, slot)


def _along(order: Sequence[At], peaks: Mapping[At, int]) -> list[tuple[float, int]]:
    return [(float(i), peaks[at]) for i, at in enumerate(order) if at in peaks]


def _stretched(course: Course, count: int) -> list[tuple[float, int]]:
    """Return the points of both passes, either over as much as its segments take."""
    forward = [(share * count, held) for share, held in course.forward]
    return forward + [(count * (1 + share), held) for share, held in course.backward]


def _shown(size: int | None) -> str:
    return "" if size is None else show_bytes(size)
