"""What the actions of a model's segments cost, from two steps without numbers."""

from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple

from torch import Tensor

from revc.passes.schedule.segments import Cost
from revc.planning.step import Moment, Step, fake_step
from revc.runtime.model import ReversibleModel


class Costs(NamedTuple):
    """The costs of the segments that a run passes, and the bytes held at the loss.

    `flops` are the operations of a step that saves everything.
    """

    segments: list[Cost]
    loss: int
    flops: int = 0


def costs_of(model: ReversibleModel, values: Mapping[str, Tensor]) -> Costs:
    """Return the costs of saving and of inverting each segment of a run on inputs like `values`.

    Times are floating-point operations: those that inverting does more than saving.

    Raises:
        BindError: see `fake_step`.
    """
    names = [step.name for step in model.steps(model.interface.measure(values))]
    inverting, saving = (fake_step(model, values, action) for action in ("invert", "save"))
    return costs_from(names, inverting, saving)


def costs_from(names: list[str], inverting: Step, saving: Step) -> Costs:
    """Return the costs that a step of either action shows."""
    count = len(names)
    held, kept = ([_kept(step, at) for at in range(count)] for step in (inverting, saving))
    below = [list(accumulate(one, initial=0)) for one in (held, kept)]
    segments = []
    for at, name in enumerate(names):
        forward, backward = (
            (
                _moment(inverting, at, back).peak - below[0][at],
                _moment(saving, at, back).peak - below[1][at],
            )
            for back in (False, True)
        )
        time = _moment(inverting, at, True).flops - _moment(saving, at, True).flops
        state = inverting.moments[at, False].state
        segments.append(Cost(name, kept[at], held[at], state, forward, backward, float(time)))
    loss = inverting.moments[count, False].peak - below[0][count]
    return Costs(segments, loss, saving.flops)


def _moment(step: Step, at: int, back: bool) -> Moment:
    """Return a moment; nothing goes back below all that wants a gradient."""
    return step.moments.get((at, back), Moment(0))


def _kept(step: Step, at: int) -> int:
    """Return what a step keeps of a segment, besides the state."""
    before, after = step.moments[at, False], step.moments[at + 1, False]
    return max(0, before.after - before.before - after.state + before.state)
