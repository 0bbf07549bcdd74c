"""A schedule for a model that holds no more than a budget, with the least recomputation."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from revc.errors import ScheduleError
from revc.passes.schedule.segments import Choice, TooLittleError, choose
from revc.passes.schedule.units import parse_bytes
from revc.planning.budgeted import Budgeted
from revc.planning.costs import Costs, costs_of
from revc.planning.step import fake_step
from revc.planning.workspace import workspace
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import INVERT, SAVE, Schedule

TRIES = 4
"""How often a plan is made anew with what its own step has shown."""


@dataclass(frozen=True)
class Planned(Budgeted):
    """A schedule and what it takes; no bound of whole steps, only of segments' costs.

    Those are of each segment alone, and may be a little more than what a whole step holds.

    Attributes:
        schedule: an action for each segment that a run passes.
        costs: what each action of each segment costs.
        flops: what it computes beyond a step that saves everything.
    """

    schedule: Schedule
    costs: Costs
    flops: float


def plan_model(
    model: ReversibleModel,
    *args: Tensor,
    memory: int | str,
    measure: bool = True,
    inputs: Mapping[str, Tensor] | None = None,
) -> Planned:
    """Return the schedule of least recomputation whose step holds at most so much memory.

    See `revc.plan`. What kernels hold is measured in a step that inverts everywhere.

    Raises:
        BindError: the inputs do not fit, or the model exchanges bits.
        ScheduleError: no schedule fits; says the least budget that one does, and what sets it.
    """
    values = model.interface.bind(args, inputs or {})
    memory = parse_bytes(memory) if isinstance(memory, str) else memory
    costs = costs_of(model, values)
    extra = workspace(model, values) if measure else 0
    best: Planned | None = None
    target, bound = memory - extra, 0.0
    for turn in range(TRIES):
        choice = _choice(costs, target, memory, extra)
        bound = choice.bound if turn == 0 else bound
        schedule = tuple(SAVE if saved else INVERT for saved in choice.saved)
        peak = fake_step(model, values, schedule).peak + extra
        if peak <= memory and (best is None or choice.time < best.flops):
            least = min(bound, choice.time)
            best = Planned(peak, memory, extra, least, schedule, costs, choice.time)
        if peak == choice.peak + extra or not _again(choice, peak, memory, best):
            break
        target += memory - peak
    if best is None:
        raise ScheduleError(f"no schedule was found that holds at most {memory} bytes")
    return best


def _choice(costs: Costs, target: int, memory: int, extra: int) -> Choice:
    """Return the best choice, or say what the least budget is with what kernels hold."""
    try:
        return choose(costs.segments, costs.loss, target)
    except TooLittleError as error:
        raise TooLittleError(memory, error.least + extra, error.name) from None


def _again(choice: Choice, peak: int, memory: int, best: Planned | None) -> bool:
    """Say whether another target may do better than what was found."""
    if peak > memory:
        return True
    return best is not None and choice.time > 0 and memory - peak > memory // 100
