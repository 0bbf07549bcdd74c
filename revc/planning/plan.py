"""A schedule for a model that holds no more than a budget, with the least recomputation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from revc.errors import ScheduleError
from revc.passes.schedule.segments import TooLittleError, choose
from revc.planning.budget import budget_for
from revc.planning.compiled import Courses, bound_by, compiled_costs, highest, ladder
from revc.planning.costs import REBUILD, Costs, costs_of
from revc.planning.link import Link, link_of
from revc.planning.lowest import UNCOUNTED, lowest
from revc.planning.step import Steps
from revc.planning.watch import Progress, Watch
from revc.planning.workspace import moves_of, refuse_deployed, step_bytes, workspace
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import Schedule

TRIES = 4
"""How often a plan is made anew with what its own step has shown."""


@dataclass(frozen=True)
class How:
    """How a model is planned: what `plan` says of it.

    Raises:
        ScheduleError: compiled code is to be planned without being run, or to offload.
    """

    measure: bool = True
    link: Link | None = None
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.compiled and (not self.measure or self.link is not None):
            raise ScheduleError("a plan for compiled code is measured, and offloads nothing")


@dataclass(frozen=True)
class Counted:
    """What a model's plans start from.

    Attributes:
        costs: what each action of each segment costs.
        workspace: what kernels hold themselves at most, as it was measured.
        bits: false if the model exchanges bits, and what these hold was not measured.
        compiled: whether all that is of steps that torch.compile compiles.
        courses: what such steps were measured to hold; plans that start from here add to it.
    """

    costs: Costs
    workspace: int = 0
    bits: bool = True
    compiled: bool = False
    courses: Courses = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A schedule and what it takes.

    Attributes:
        schedule: an action for each segment that a run passes.
        costs: what each action of each segment costs.
        peak: the bytes that a step holds under it, beside parameters, their gradients and inputs;
            measured, where anything is.
        memory: the budget.
        workspace: what kernels hold themselves at most, as it was measured; of compiled code what
            the plan's step was seen to hold more than is counted.
        flops: what it computes beyond a step that saves everything; copies to the host and back
            count as what could be computed in their time.
        bound: by the costs, no schedule of these actions within the budget computes less. They are
            those of each segment alone, and may be a little more than what a whole step holds. Of
            compiled code: none that holds as much beside its count as steps were seen to, at least.
        in_time: false if a limit ended the search: the plan is the best until then.
        host: the bytes that lie on the host.
        bits: false if the model exchanges bits, and what these hold is not in the peak.
        compiled, courses: as in `Counted`; the courses have the plan's own step.
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
    bits: bool = True
    compiled: bool = False
    courses: Courses = field(default_factory=dict)


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

    ``model.schedule = revc.plan(model, x, memory="512MiB").schedule``. Segments invert, keep values
    of their nets, or are saved, but for those that exchange bits: their stacks are measured, on the
    numbers of the inputs, and hold more or less with others.

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
        BindError: the inputs do not fit, or the model's runs are deployed, which nothing undoes.
        ScheduleError: no schedule fits (it says the least budget that one does, and what sets it),
            or there is no budget, or one above the spec's own, or `offload` is no rate. Or what
            is asked for is not for compiled code.
    """
    how = How(measure, link_of(offload, flops), compiled)
    values = model.interface.bind(args, inputs or {})
    memory = budget_for(model, memory)
    watch = Watch(limit, progress)
    return plan_from(model, values, memory, start(model, values, how, watch, known), how, watch)


def start(
    model: ReversibleModel, values: Mapping[str, Tensor], how: How, watch: Watch,
    known: Planned | Counted | None = None,
) -> Planned | Counted:  # fmt: skip
    """Return what plans start from: what is known, if it serves, or what is counted now.

    Raises:
        BindError: the model's runs are deployed.
    """
    if known is not None and _serves(known, how):
        return known
    watch.tell("counting what actions cost", 0.0)
    if how.compiled:
        refuse_deployed(model)
        return Counted(compiled_costs(model, values), compiled=True)
    moves = moves_of(model, values) if how.measure else ()
    steps = Steps(model, values, moves)
    costs = costs_of(steps, how.link)
    watch.tell("measuring what kernels hold", 0.3)
    extra = workspace(model, values, steps) if how.measure else 0
    return Counted(costs, extra, bits=how.measure or not model.interface.plan)


def _serves(known: Planned | Counted, how: How) -> bool:
    same = (known.compiled, known.costs.link) == (how.compiled, how.link)
    return same and (known.bits or not how.measure)


def plan_from(
    model: ReversibleModel, values: Mapping[str, Tensor], memory: int, known: Planned | Counted,
    how: How, watch: Watch,
) -> Planned:  # fmt: skip
    """Return the plan of a model on bound inputs, from what `start` gave; see `plan`.

    Raises:
        ScheduleError: no schedule fits.
    """
    if how.compiled:
        return _compiled(model, values, memory, known, watch)
    costs, extra = known.costs, known.workspace
    for _ in range(TRIES):
        try:
            best = _searched(memory, costs, extra, watch)
        except TooLittleError as error:
            raise error if known.bits else error.about(UNCOUNTED) from None
        held = step_bytes(model, values, best.schedule) if how.measure else best.peak
        extra += max(0, held - best.peak)
        if held <= memory:
            return replace(best, peak=held, workspace=extra, bits=known.bits)
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


def _compiled(
    model: ReversibleModel, values: Mapping[str, Tensor], memory: int, known: Planned | Counted,
    watch: Watch,
) -> Planned:  # fmt: skip
    """Return the plan of a model that is compiled as a whole."""
    costs, courses = known.costs, known.courses
    rungs = ladder(costs)
    rung, in_time = highest(model, values, rungs, memory, courses, watch)
    peak, more = courses[rung.schedule].peak, costs.operations(rung.ways)
    bound = min(more, _operations(costs, bound_by(costs, rungs, courses, memory)))
    return Planned(
        rung.schedule, costs, peak, memory, max(0, peak - rung.counted), more, bound,
        in_time=in_time, compiled=True, courses=courses,
    )  # fmt: skip


def _operations(costs: Costs, bound: float) -> float:
    """Return a bound of operations for one of times, which count what is rebuilt too."""
    return max(0.0, bound - REBUILD * len(costs.segments))


def _again(flops: float, peak: int, memory: int, best: Planned | None) -> bool:
    """Say whether another target may do better than what was found."""
    if peak > memory:
        return True
    return best is not None and flops > 0 and memory - peak > memory // 100
