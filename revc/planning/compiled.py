"""Plans of a model whose whole step torch.compile compiles: peaks are measured, not counted.

What compiled code holds nobody counts: compilers reuse memory and move operations. But what it
keeps of a segment is known, and so is in which order schedules use more: a *ladder* of schedules,
each the one of least recomputation at some memory by the costs of a step that is not compiled, from
inverting everywhere to keeping all. Their steps are compiled and measured, and halving finds the
highest rung within a budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from revc.passes.schedule.segments import TooLittleError, choose, least_memory
from revc.planning.costs import Costs, costs_of
from revc.planning.course import Course, compiled_course
from revc.planning.step import Steps
from revc.planning.watch import Watch
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import SAVE, Schedule

RUNGS = 32
"""The most rungs of a ladder."""

Courses = dict[Schedule, Course]
"""What compiled steps were measured to hold, by schedule."""


class Rung(NamedTuple):
    """A schedule, the ways of its segments by number, and the peak that costs say it has."""

    schedule: Schedule
    ways: tuple[int, ...]
    counted: int


def compiled_costs(model: ReversibleModel, values: Mapping[str, Tensor]) -> Costs:
    """Return the costs of what compiled code may keep of each segment of a run.

    It keeps values, and saves nothing else. Its backward pass is one graph, which holds the
    gradients that it has made to its end. What bits hold is not in the costs: it is measured.
    """
    costs = costs_of(Steps(model, values))
    steps = model.steps(model.interface.measure(values))
    segments, made, seen = [], 0, set[int]()
    for cost, step in reversed(list(zip(costs.segments, steps, strict=True))):
        for parameter in step.segment.parameters():
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                made += parameter.nbytes
        ways = tuple(replace(way, backward=way.backward + made) for way in cost.ways)
        segments.append(replace(cost, ways=ways))
    count = [len(actions) - (actions[-1] == SAVE) for actions in costs.actions]
    return replace(
        costs,
        segments=[
            replace(cost, ways=cost.ways[:most])
            for cost, most in zip(reversed(segments), count, strict=True)
        ],
        actions=[one[:most] for one, most in zip(costs.actions, count, strict=True)],
        again=[one[:most] for one, most in zip(costs.again, count, strict=True)],
    )


def ladder(costs: Costs) -> list[Rung]:
    """Return schedules that hold more and compute less, rung by rung."""
    least, _ = least_memory(costs.segments, costs.loss)
    most = choose(costs.segments, costs.loss, 1 << 62).peak
    nothing = (0,) * len(costs.segments)
    found = {nothing: least}
    for index in range(1, RUNGS + 1):
        target = least + (most - least) * index // RUNGS
        choice = choose(costs.segments, costs.loss, target)
        found.setdefault(choice.ways, choice.peak)
    rungs = [Rung(costs.schedule(ways), ways, peak) for ways, peak in found.items()]
    return sorted(rungs, key=lambda rung: -costs.operations(rung.ways))


def bound_by(costs: Costs, rungs: Sequence[Rung], courses: Courses, memory: int) -> float:
    """Return a time that no choice within a budget undercuts, if it holds as much beside its count.

    Compiled code holds more than is counted, or less: the least of the differences that were
    measured is taken. Bytes and times are those of the costs; some rung was measured to fit.
    """
    beside = min(
        courses[rung.schedule].peak - rung.counted for rung in rungs if rung.schedule in courses
    )
    return choose(costs.segments, costs.loss, memory - beside).bound


def highest(
    model: ReversibleModel, values: Mapping[str, Tensor], rungs: Sequence[Rung], memory: int,
    courses: Courses, watch: Watch,
) -> tuple[Rung, bool]:  # fmt: skip
    """Return the highest rung whose step holds at most `memory` bytes, and whether it was sought.

    What is measured is noted in `courses`, and what stands there is not measured again.

    Raises:
        TooLittleError: the lowest rung does not.
    """

    def fits(at: int) -> bool:
        schedule = rungs[at].schedule
        if schedule not in courses:
            watch.tell(f"measuring compiled step {len(courses) + 1}", 0.3 + 0.7 * at / len(rungs))
            courses[schedule] = compiled_course(model, values, schedule)
        return courses[schedule].peak <= memory

    low, high = 0, len(rungs) - 1
    if not fits(low):
        name = "the compiled step that inverts everywhere"
        raise TooLittleError(memory, courses[rungs[low].schedule].peak, name)
    if not watch.over and fits(high):
        return rungs[high], True
    while high - low > 1 and not watch.over:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    # A rung that was measured may be higher and hold less.
    fitting = [one for one in rungs if one.schedule in courses
               and courses[one.schedule].peak <= memory]  # fmt: skip
    return fitting[-1], high - low <= 1
