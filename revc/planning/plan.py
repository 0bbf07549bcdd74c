"""A schedule for a model that holds no more than a budget, with the least recomputation."""

from dataclasses import dataclass

from torch import Tensor

from revc.errors import ScheduleError
from revc.passes.schedule.segments import Choice, choose
from revc.passes.schedule.units import parse_bytes
from revc.planning.costs import Costs, costs_of
from revc.planning.step import fake_step
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import INVERT, SAVE, Schedule

TRIES = 8
"""How often a plan is made anew with what its own step has shown."""


@dataclass(frozen=True)
class Planned:
    """A schedule and what it takes.

    Attributes:
        schedule: an action for each segment that a run passes.
        costs: what each action of each segment costs.
        peak: the bytes that a step holds under it, beside parameters, their gradients and inputs.
        memory: the budget.
        flops: what it computes beyond a step that saves everything.
        bound: no schedule of these actions within the budget computes less.
    """

    schedule: Schedule
    costs: Costs
    peak: int
    memory: int
    flops: float
    bound: float


def plan(model: ReversibleModel, *args: Tensor, memory: int | str, **kwargs: Tensor) -> Planned:
    """Return the schedule of least recomputation whose step holds at most so much memory.

    ``model.schedule = revc.plan(model, x, memory="512MiB").schedule``. Nothing is computed.

    Args:
        model: its parameters count for their shapes, dtypes and flags alone; it stays as it is.
        args, kwargs: inputs, of which shapes, dtypes and flags are looked at.
        memory: the budget in bytes, or as ``512MiB``: what a step holds beside parameters, their
            gradients and its inputs. What kernels allocate inside themselves is not in it.

    Raises:
        BindError: the inputs do not fit, or the model exchanges bits.
        ScheduleError: no schedule fits; says the least budget that one does, and what sets it.
    """
    values = model.interface.bind(args, kwargs)
    memory = parse_bytes(memory) if isinstance(memory, str) else memory
    costs = costs_of(model, values)
    best: Planned | None = None
    target, bound = memory, 0.0
    for turn in range(TRIES):
        choice = choose(costs.segments, costs.loss, target)
        bound = choice.bound if turn == 0 else bound
        schedule = tuple(SAVE if saved else INVERT for saved in choice.saved)
        peak = fake_step(model, values, schedule).peak
        if peak <= memory and (best is None or choice.time < best.flops):
            best = Planned(schedule, costs, peak, memory, choice.time, min(bound, choice.time))
        if peak == choice.peak or not _again(choice, peak, memory, best):
            break
        target += memory - peak
    if best is None:
        raise ScheduleError(f"no schedule was found that holds at most {memory} bytes")
    return best


def _again(choice: Choice, peak: int, memory: int, best: Planned | None) -> bool:
    """Say whether another target may do better than what was found."""
    if peak > memory:
        return True
    return best is not None and choice.time > 0 and memory - peak > memory // 100
