"""Plans for lists of modules: a step that holds no more than a budget, with the least cost."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedOperatorException,
)

from revc.errors import BindError
from revc.passes.schedule.stages import Extras, Stage, StageArcs
from revc.passes.schedule.units import parse_bytes
from revc.planning.lossy.approximate import Approximate
from revc.planning.modules import values
from revc.planning.modules.costs import segments, stages
from revc.planning.modules.cut import Cut, cut
from revc.planning.modules.measure import measured_stages
from revc.planning.modules.planned import PlannedModules
from revc.planning.modules.search import Search
from revc.planning.modules.step import without_numbers

Modules = nn.Sequential | nn.ModuleList | Sequence[nn.Module]
Measure = bool | Literal["time"]

PER_BYTE = 50.0
"""Operations in the time of a byte to the host, where neither is measured: 1 TFLOP/s, 20 GB/s."""
BANDWIDTH = 20e9
"""Bytes a second to the host, where that is not given."""


def plan_modules(
    net: Modules,
    *args: Tensor,
    memory: int | str,
    measure: Measure = True,
    offload: bool | float = False,
    lossy: float | None = None,
) -> PlannedModules:
    """Return the plan of least cost whose step holds at most so much memory; see `revc.plan`.

    Raises:
        BindError: a module or an input is none, or a module cannot be run without numbers.
        InfeasibleError: no plan fits; says the least budget that one does, and what sets it.
        ScheduleError: the first module changes its input in place, or `memory` is no size.
    """
    budget = parse_bytes(memory) if isinstance(memory, str) else memory
    given, modules = values.checked(args), named(net)
    timed, device = measure == "time", _device(modules, given)
    cuts, taken, costs, saved = _costs(modules, given)
    parts = segments(modules, cuts, taken)
    if measure is not False:
        given = _real(given, args, device, lossy is not None)
        costs = measured_stages(parts, costs, timed)
    extras = _extras(_bandwidth(offload, timed))
    search = Search(modules, cuts, StageArcs(costs, extras), budget)
    if lossy is not None:
        if measure is False:
            raise BindError("lossy storage is measured on the example: measure is not False then")
        approximate = Approximate(search, parts, saved, given, device, timed, lossy)
        return _planned(approximate.search(), given, device, timed, approximate)
    return _planned(search, given if measure is not False else None, device, timed)


def _planned(
    search: Search,
    given: Sequence[Tensor] | None,
    device: torch.device,
    timed: bool,
    approximate: Approximate | None = None,
) -> PlannedModules:
    """Return the best plan of a search."""
    found, peak = search.best(given, device)
    module, trace = search.module(found), found.trace
    error = approximate.error(module) if approximate and module.bits else 0.0
    return PlannedModules(
        peak, search.memory, max(0, peak - trace.peak), min(found.bound, trace.extra_time),
        module, search.arcs.stages, found.plan, trace.extra_time, search.arcs.base,
        "seconds" if timed else "operations", found.bound_by,
        tuple(search.arcs.kept_by(found.plan)), trace.peak, error,
    )  # fmt: skip


def named(net: Modules) -> dict[str, nn.Module]:
    """Return the modules of a list by the names that they have there.

    Raises:
        BindError: there are none, or one is no module.
    """
    found: dict[str, nn.Module] = {}
    if isinstance(net, nn.Sequential | nn.ModuleList):
        found = {name: one for name, one in net._modules.items() if one is not None}
    else:
        found = {str(number): one for number, one in enumerate(net)}
    if not found:
        raise BindError("a plan needs at least one module")
    for name, one in found.items():
        if not isinstance(one, nn.Module):
            raise BindError(f"entry {name} is a {type(one).__name__}, not a module")
    return found


def _costs(
    modules: Mapping[str, nn.Module], given: Sequence[Tensor]
) -> tuple[list[Cut], list[Any], list[Stage], list[list[Tensor]]]:
    """Return segments, what they take, cost and save; what they take and save without numbers."""
    try:
        with without_numbers(list(modules.values()), given) as (twins, fakes):
            named_twins = dict(zip(modules, twins, strict=True))
            cuts, taken = cut(named_twins, fakes)
            parts = segments(named_twins, cuts, taken)
            return cuts, taken, stages(parts), [one.saved() for one in parts]
    except (
        DataDependentOutputException,
        DynamicOutputShapeException,
        UnsupportedOperatorException,
    ) as error:
        raise BindError(
            f"a module cannot be run without numbers, so nothing can be planned: {error}"
        ) from error


def _device(modules: Mapping[str, nn.Module], given: Sequence[Tensor]) -> torch.device:
    found = (p.device for one in modules.values() for p in one.parameters())
    return next(found, given[0].device)


def _real(
    given: Sequence[Tensor], args: Sequence[Tensor], device: torch.device, lossy: bool
) -> tuple[Tensor, ...]:
    """Return inputs that a step can be run on."""
    if device.type == "meta":
        raise BindError("modules on the meta device cannot be measured: pass measure=False")
    if lossy and not values.has_numbers(args):
        raise BindError("lossy storage is measured on the example: its inputs need numbers")
    made: tuple[Tensor, ...] = values.runnable(tuple(given), device)
    return made


def _bandwidth(offload: bool | float, timed: bool) -> float | None:
    """Return bytes to the host in a unit of cost, None for no offloading."""
    if offload is False:
        return None
    if offload is True:
        return BANDWIDTH if timed else 1 / PER_BYTE
    if offload <= 0:
        raise BindError(f"offload is a bandwidth above 0, or a flag, not {offload}")
    return offload


def _extras(band: float | None) -> Extras:
    """Return what a group keeps: torch's random state, as it was in the forward pass."""
    return Extras(group=torch.get_rng_state().nbytes, bandwidth=band)
