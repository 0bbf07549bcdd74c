"""A schedule for a model that holds no more than a budget, with the least recomputation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from revc.errors import BindError, ScheduleError
from revc.passes.schedule.segments import TooLittleError, choose
from revc.planning.budget import budget_for
from revc.planning.compiled import compiled_costs, highest, ladder
from revc.planning.costs import REBUILD, Costs, costs_of
from revc.planning.link import Link, link_of
from revc.planning.lowest import lowest
from revc.planning.step import Steps
from revc.planning.watch import Progress, Watch
from revc.planning.workspace import moves_of, step_bytes, workspace
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import Schedule

TRIES = 4
"""How often a plan is made anew with what its own step has shown."""


@dataclass(frozen=True)
class Counted:
    """What a model's plans start from: costs, what kernels hold, and peaks that were measured."""

    costs: Costs
    workspace: int
    peaks: Mapping[Schedule, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A schedule and what it takes.

    Attributes:
        schedule: an action for each segment that a run passes.
        costs: what each action of each segment costs.
        peak: the bytes that a step holds under it, beside parameters, their gradients and inputs;
            measured, where anything is.
        memory: the budget.
        workspace: what kernels hold themselves at most, as it was measured.
        flops: what it computes beyond a step that saves everything; copies to the host and back
            count as what could be computed in their time.
        bound: by the costs, no schedule of these actions within the budget computes less. They are
            those of each segment alone, and may be a little more than what a whole step holds.
        in_time: false if a limit ended the search: the plan is the best until then.
        host: the bytes that lie on the host.
        peaks: of a plan for compiled code, the peaks that were measured, by schedule; its own among
            them. Such a plan has no bound.
    """

    schedule: Schedule
    costs: Costs
    peak: int
    memory: int
    workspace: int
    flops: float
    bound: float
    in_time: bool = True
    host: int = 0
    peaks: Mapping[Schedule, int] = field(default_factory=dict)


def plan(
    model: ReversibleModel,
    *args: Tensor,
    memory: int | str | None = None,
    measure: bool = True,
    inputs: Mapping[str, Tensor] | None = None,
    limit: float | None = None,
    progress: Progress | None = None,
    known: Planned | Counted | None = None,
    offload: float | str | None = None,
    flops: float | None = None,
    compiled: bool = False,
) -> Planned:
    """Return the schedule of least recomputation whose step holds at most so much memory.

    ``model.schedule = revc.plan(model, x, memory="512MiB").schedule``. What a step holds is counted
    without computing anything; but what kernels hold themselves is measured, in a step of the model
    that inverts everywhere, and one of the plan. Segments invert, keep values of their nets, or are
    saved. Those that exchange bits are not saved; what their stacks and exchanges hold is measured
    too, on the numbers of the inputs: with other numbers a tape may hold more or less.

    Args:
        model: its parameters count for their shapes, dtypes and flags alone; it stays as it is.
        args, inputs: the model's inputs, by position or by name. What is planned depends on their
            shapes, dtypes and flags, and, where bits are exchanged, on what they hold.
        memory: the budget in bytes, or as ``512MiB``: what a step holds beside parameters, their
            gradients and its inputs. ``auto`` is what the model's device has free, less a sixteenth
            and gradients that are still to be made; left out, it is the spec's `budget memory`.
        measure: false takes kernels and stacks of bits to hold nothing, and runs nothing.
        limit: seconds; when they are over the best plan so far is given. What one plan takes is
            done whatever the limit: some steps without numbers for the costs, and one for the plan.
        progress: is told how it goes.
        known: another plan of the same model on the same inputs, or what one starts from: what was
            counted and measured for it is not again.
        offload: bytes a second between device and host, or as ``12GB/s``; segments may be offloaded
            then. Needs `flops`, what the device computes in a second, to weigh the copies.
        compiled: plan for ``torch.compile(model)``: some steps are compiled and measured, which
            takes minutes; see `revc.planning.compiled`. Nothing is offloaded then.

    Raises:
        BindError: the inputs do not fit, or the model's runs are deployed, which nothing undoes; or
            it exchanges bits, and is to be compiled.
        ScheduleError: no schedule fits (it says the least budget that one does, and what sets it),
            or there is no budget, or one above the spec's own, or `offload` is no rate. Or what
            is asked for is not for compiled code.
    """
    link = link_of(offload, flops)
    values = model.interface.bind(args, inputs or {})
    memory = budget_for(model, memory)
    watch = Watch(limit, progress)
    if compiled:
        if not measure or link is not None:
            raise ScheduleError("a plan for compiled code is measured, and offloads nothing")
        return _compiled(model, values, memory, watch, known)
    if known is None or known.peaks or known.costs.link != link:
        known = counted(model, values, measure, link, watch)
    costs, extra = known.costs, known.workspace
    for _ in range(TRIES):
        best = _searched(memory, costs, extra, watch)
        held = step_bytes(model, values, best.schedule) if measure else best.peak
        extra += max(0, held - best.peak)
        if held <= memory:
            return replace(best, peak=held, workspace=extra)
    raise ScheduleError(f"no schedule was found that holds at most {memory} bytes")


def _searched(memory: int, costs: Costs, extra: int, watch: Watch) -> Planned:
    """Return the best schedule by what is counted, and `extra` bytes that kernels hold.

    Raises:
        TooLittleError: none fits.
    """
    best: Planned | None = None
    target, bound = memory - extra, 0.0
    for turn in range(TRIES):
        watch.tell("choosing", 0.5 + turn / (2 * TRIES), None if best is None else best.flops)
        try:
            choice = choose(costs.segments, costs.loss, target)
        except TooLittleError:
            break
        bound = _operations(costs, choice.bound) if turn == 0 else bound
        schedule = costs.schedule(choice.ways)
        more = costs.operations(choice.ways)
        step = costs.steps(schedule)
        peak = step.peak + extra
        if peak <= memory and (best is None or more < best.flops):
            best = Planned(
                schedule, costs, peak, memory, extra, more, min(bound, more), host=step.host
            )
        if peak == choice.peak + extra or not _again(more, peak, memory, best):
            break
        if best is not None and watch.over:
            return replace(best, in_time=False)
        target += memory - peak
    return best or _least(memory, costs, extra, bound)


def _least(memory: int, costs: Costs, extra: int, bound: float) -> Planned:
    """Return the plan that holds least.

    Raises:
        TooLittleError: it holds more than the budget.
    """
    least = lowest(costs)
    peak, more = least.step.peak + extra, costs.operations(least.ways)
    if peak > memory:
        raise TooLittleError(memory, peak, least.name)
    host = least.step.host
    return Planned(least.schedule, costs, peak, memory, extra, more, min(bound, more), host=host)


def counted(
    model: ReversibleModel, values: Mapping[str, Tensor], measure: bool, link: Link | None,
    watch: Watch,
) -> Counted:  # fmt: skip
    """Return what actions cost, and what kernels hold."""
    watch.tell("counting what actions cost", 0.0)
    moves = moves_of(model, values) if measure else ()
    steps = Steps(model, values, moves)
    costs = costs_of(steps, link)
    watch.tell("measuring what kernels hold", 0.3)
    return Counted(costs, workspace(model, values, steps) if measure else 0)


def _compiled(
    model: ReversibleModel, values: Mapping[str, Tensor], memory: int, watch: Watch,
    known: Planned | Counted | None,
) -> Planned:  # fmt: skip
    """Return the plan of a model that is compiled as a whole.

    Raises:
        BindError: it exchanges bits.
    """
    if model.interface.plan:
        raise BindError(f"{model.interface.name} exchanges bits: compiled, it is not planned")
    watch.tell("counting what actions cost", 0.0)
    peaks = dict(known.peaks) if known is not None else {}
    costs = known.costs if known is not None and peaks else compiled_costs(model, values)
    rungs = ladder(costs)
    rung, in_time = highest(model, values, rungs, memory, peaks, watch)
    peak, flops = peaks[rung.schedule], costs.operations(rung.ways)
    extra = max(0, peak - rung.counted)
    return Planned(
        rung.schedule, costs, peak, memory, extra, flops, 0.0, in_time=in_time, peaks=peaks
    )


def _operations(costs: Costs, bound: float) -> float:
    """Return a bound of operations for one of times, which count what is rebuilt too."""
    return max(0.0, bound - REBUILD * len(costs.segments))


def _again(flops: float, peak: int, memory: int, best: Planned | None) -> bool:
    """Say whether another target may do better than what was found."""
    if peak > memory:
        return True
    return best is not None and flops > 0 and memory - peak > memory // 100
