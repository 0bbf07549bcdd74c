"""The least that a step of a model holds, by steps that are counted, and what sets it."""

from typing import NamedTuple

from revc.passes.schedule.segments import choose, least_memory
from revc.planning.costs import Costs
from revc.planning.step import Step
from revc.runtime.schedule import Schedule

UNCOUNTED = "what bits hold not counted"
"""Said of a least budget where a model exchanges bits and no step of it was run."""


class Lowest(NamedTuple):
    """A schedule that holds little, the ways of its segments, its step, and what sets its peak."""

    schedule: Schedule
    ways: tuple[int, ...]
    step: Step
    name: str


def lowest(costs: Costs) -> Lowest:
    """Return the choice of least memory by costs, or inverting everywhere if that holds less.

    Costs are of segments alone: what a choice of them holds only a step of it says.
    """
    least, _ = least_memory(costs.segments, costs.loss)
    chosen = choose(costs.segments, costs.loss, least).ways
    tried = [_counted(costs, ways) for ways in (chosen, (0,) * len(chosen))]
    return min(tried, key=lambda one: one.step.peak)


def _counted(costs: Costs, ways: tuple[int, ...]) -> Lowest:
    schedule = costs.schedule(ways)
    step = costs.steps(schedule)
    at, _ = max(step.moments, key=lambda key: step.moments[key].peak, default=(0, False))
    name = costs.segments[at].name if at < len(costs.segments) else "the loss"
    return Lowest(schedule, ways, step, name)
