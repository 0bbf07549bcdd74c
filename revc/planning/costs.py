"""What the actions of a model's segments cost, from steps without numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from torch import Tensor

from revc.passes.schedule.segments import Cost, Way
from revc.planning.levels import Level, Taken, levels_of
from revc.planning.step import Moment, Step, fake_step
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import INVERT, SAVE, Action

REBUILD = 0.5
"""What rebuilding costs beside operations: less than any, so that of equals what saves is taken."""


@dataclass(frozen=True)
class Costs:
    """The costs of the segments that a run passes, and the bytes held at the loss.

    `actions` are those of each segment, in the order of its ways, `again` the operations of each
    that saving has not, and `flops` those of a step that saves everything.
    """

    segments: list[Cost]
    actions: list[tuple[Action, ...]]
    again: list[tuple[int, ...]]
    loss: int
    flops: int = 0


def costs_of(model: ReversibleModel, values: Mapping[str, Tensor]) -> Costs:
    """Return the costs of what may be kept of each segment of a run on inputs like `values`.

    Times are floating-point operations: those that an action does more than saving.

    Raises:
        BindError: see `fake_step`.
    """
    steps = model.steps(model.interface.measure(values))
    plans, names = [step.segment.plan for step in steps], [step.name for step in steps]
    inverting, saving = (fake_step(model, values, action) for action in ("invert", "save"))
    measure = lambda schedule: taken(fake_step(model, values, schedule), len(names))  # noqa: E731
    inverted = taken(inverting, len(names))
    levels = levels_of(plans, inverted, measure)
    return costs_from(names, inverting, saving, levels)


def costs_from(
    names: Sequence[str], inverting: Step, saving: Step, levels: Sequence[Sequence[Level]]
) -> Costs:
    """Return the costs that a step of either action shows, with what is between them."""
    count = len(names)
    inverted, saved = (taken(step, count) for step in (inverting, saving))
    costs, actions, again = [], [], []
    for at, name in enumerate(names):
        found = [Level(INVERT, inverted[at]), *levels[at], Level(SAVE, saved[at])]
        flops = [one.taken.flops - saved[at].flops for one in found]
        kinds = [one.action.kind != "save" for one in found]
        ways = tuple(
            Way(*one.taken[:3], time=more + REBUILD * rebuilds, rebuilds=rebuilds)
            for one, more, rebuilds in zip(found, flops, kinds, strict=True)
        )
        costs.append(Cost(name, inverting.moments[at, False].state, ways))
        actions.append(tuple(one.action for one in found))
        again.append(tuple(flops))
    below = sum(one.kept for one in inverted)
    loss = inverting.moments[count, False].peak - below
    return Costs(costs, actions, again, loss, saving.flops)


def taken(step: Step, count: int) -> list[Taken]:
    """Return what each of the segments of a step took, beside what was kept of those below."""
    kept = [_kept(step, at) for at in range(count)]
    below = list(accumulate(kept, initial=0))
    found = []
    for at in range(count):
        there, back = step.moments[at, False], step.moments.get((at, True), Moment(0))
        forward, backward = (max(0, one.peak - below[at]) for one in (there, back))
        found.append(Taken(kept[at], forward, backward, back.flops))
    return found


def _kept(step: Step, at: int) -> int:
    """Return what a step keeps of a segment, besides the state."""
    before, after = step.moments[at, False], step.moments[at + 1, False]
    return max(0, before.after - before.before - after.state + before.state)
