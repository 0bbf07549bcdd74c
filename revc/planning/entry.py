"""`revc.plan`: for compiled models, and for lists of modules that are not reversible."""

from collections.abc import Mapping, Sequence
from typing import overload

from torch import Tensor, nn

from revc.errors import BindError, ScheduleError
from revc.planning.modules.plan import Measure, Modules, plan_modules
from revc.planning.modules.planned import PlannedModules
from revc.planning.plan import Planned
from revc.planning.plan import plan as plan_model
from revc.planning.watch import Progress
from revc.runtime.model import ReversibleModel


@overload
def plan(
    model: ReversibleModel,
    *args: Tensor,
    memory: int | str | None = ...,
    measure: Measure = ...,
    inputs: Mapping[str, Tensor] | None = ...,
    known: Planned | None = ...,
    limit: float | None = ...,
    progress: Progress | None = ...,
    offload: float | str | bool = ...,
    flops: float | None = ...,
    compiled: bool = ...,
) -> Planned: ...


@overload
def plan(
    model: Modules,
    *args: Tensor,
    memory: int | str,
    measure: Measure = ...,
    offload: bool | float = ...,
    lossy: float | None = ...,
) -> PlannedModules: ...


def plan(
    model: ReversibleModel | Modules,
    *args: Tensor,
    memory: int | str | None = None,
    measure: Measure = True,
    offload: bool | float | str = False,
    flops: float | None = None,
    lossy: float | None = None,
    inputs: Mapping[str, Tensor] | None = None,
    known: Planned | None = None,
    limit: float | None = None,
    progress: Progress | None = None,
    compiled: bool = False,
) -> Planned | PlannedModules:
    """Return the plan of least recomputation whose step holds at most so much memory.

    ``model.schedule = revc.plan(model, x, memory="512MiB").schedule`` for a compiled model, and
    ``y = revc.plan(net, x, memory="512MiB").module(x)`` for an `nn.Sequential`, an `nn.ModuleList`
    or a list of modules, each of which takes what the one before gave, a tensor or a tuple. What a
    step holds is counted without computing anything; but what kernels hold themselves is measured.

    Args:
        model: its parameters count for their shapes, dtypes and flags alone; it stays as it is.
        args, inputs: the model's inputs, by position or by name; a list's first module takes them
            by position. What is planned depends on their shapes, dtypes and flags. They may be
            without numbers, on the meta device say, for modules.
        memory: the budget in bytes, or as ``512MiB``: what a step holds beside parameters, their
            gradients and its inputs. For a compiled model see also `revc.planning.plan.plan`, and
            for `known`, `limit` and `progress`, which are its alone.
        measure: false takes kernels, and stacks of bits, to hold nothing themselves, and runs
            nothing. ``"time"`` measures how long modules take as well, instead of counting their
            operations.
        offload: allows to move what is saved to the host. Of modules a number is the bytes that
            go there in a unit of cost: a second with ``measure="time"``, else an operation. Of a
            compiled model it is bytes a second, or ``12GB/s``, and wants `flops`.
        flops: of a compiled model: operations a second of its device, to weigh copies against.
        compiled: of a compiled model: plan for ``torch.compile(model)``, by steps that are.
        lossy: of modules: how much gradients may err, the L2 norm of the difference as a share of
            theirs, measured on the example; segments may keep codes of a few bits a value then.
            Without it nothing is approximate.

    Raises:
        BindError: the inputs do not fit, a model's runs are deployed, or a module needs numbers.
        ScheduleError: no plan fits; says the least budget that one does, and what sets it. Or an
            option is not for what is planned.
    """
    if not isinstance(model, ReversibleModel):
        of_models = {"inputs": inputs or None, "known": known, "limit": limit, "progress": progress,
                     "compiled": compiled or None, "flops": flops}  # fmt: skip
        return _plan_list(model, args, memory, measure, offload, lossy, of_models)
    of_lists = {'measure="time"': measure == "time", "offload=True": offload is True,
                "lossy": lossy is not None}  # fmt: skip
    for option in (name for name, given in of_lists.items() if given):
        raise ScheduleError(f"{option} is for lists of modules, not for a compiled model")
    return plan_model(
        model, *args, memory=memory, measure=measure is not False, inputs=inputs, known=known,
        limit=limit, progress=progress, offload=None if offload is False else offload, flops=flops,
        compiled=compiled,
    )  # fmt: skip


_NO_BUDGET = "a list of modules takes a budget, and no known plan, limit or progress"
_NO_RATE = "a list of modules takes a number to offload by, and no flops"
_OF_MODELS = {
    "known": _NO_BUDGET, "limit": _NO_BUDGET, "progress": _NO_BUDGET,
    "compiled": "compiled=True is for compiled models, not for lists of modules",
    "flops": _NO_RATE,
}  # fmt: skip
"""What is said of options that are for compiled models, where a list of modules is planned."""


def _plan_list(
    model: Modules, args: Sequence[Tensor], memory: int | str | None, measure: Measure,
    offload: bool | float | str, lossy: float | None, of_models: Mapping[str, object],
) -> PlannedModules:  # fmt: skip
    """Return the plan of a list of modules.

    Raises:
        BindError: it is none, or an input is given by name.
        ScheduleError: no plan fits, or an option is for compiled models.
    """
    if not isinstance(model, nn.Sequential | nn.ModuleList | Sequence):
        raise BindError(
            f"plan takes a compiled model or a list of modules, not a {type(model).__name__}"
        )
    if of_models["inputs"] is not None:
        raise BindError("a list of modules takes its inputs by position")
    if memory is None:
        raise ScheduleError(_NO_BUDGET)
    for option, text in _OF_MODELS.items():
        if of_models[option] is not None:
            raise ScheduleError(text)
    if isinstance(offload, str):
        raise ScheduleError(_NO_RATE)
    return plan_modules(model, *args, memory=memory, measure=measure, offload=offload, lossy=lossy)
