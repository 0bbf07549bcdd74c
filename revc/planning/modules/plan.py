"""Plans for lists of modules: a step that holds no more than a budget, with the least cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedOperatorException,
)

from revc.errors import BindError
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action, Plan
from revc.passes.schedule.solve import BoundBy, Found, solve_arcs
from revc.passes.schedule.stages import Extras, Stage, StageArcs
from revc.passes.schedule.units import parse_bytes
from revc.planning.budgeted import Budgeted
from revc.planning.modules import values
from revc.planning.modules.costs import segments, stages
from revc.planning.modules.cut import Cut, cut
from revc.planning.modules.measure import measured_stages
from revc.planning.modules.runner import PlannedModule
from revc.planning.modules.step import measured, without_numbers

Modules = nn.Sequential | nn.ModuleList | Sequence[nn.Module]
Measure = bool | Literal["time"]

TRIES = 4
"""How often a plan is made anew with what its own step has shown."""
LEANER = 32
"""How often a plan of the same cost that holds less is looked for."""
PER_BYTE = 50.0
"""Operations in the time of a byte to the host, where neither is measured: 1 TFLOP/s, 20 GB/s."""
BANDWIDTH = 20e9
"""Bytes a second to the host, where that is not given."""


@dataclass(frozen=True)
class PlannedModules(Budgeted):
    """A plan for a list of modules, and the module that runs it.

    Attributes:
        module: takes what the first module takes, and gives what the last one gives.
        stages: what each segment keeps and holds.
        plan: an action for each segment.
        extra: what a step costs beyond one that saves everything: operations, or seconds.
        plain: what all forward passes cost.
        unit: of costs.
        bound_by: what the bound rests on.
        kept: bytes that stay for each segment between its passes.
        counted: what the segments' own costs come to. `peak` is what a whole step was measured to
            hold, or the same where nothing was run.
    """

    module: PlannedModule
    stages: tuple[Stage, ...]
    plan: Plan
    extra: float
    plain: float
    unit: Literal["operations", "seconds"]
    bound_by: BoundBy
    kept: tuple[int, ...]
    counted: int

    @property
    def schedule(self) -> tuple[Action, ...]:
        """The actions of the segments, in order."""
        return self.plan.actions

    def __str__(self) -> str:
        from revc.planning.modules.report import table

        return table(self)


def plan_modules(
    net: Modules,
    *args: Tensor,
    memory: int | str,
    measure: Measure = True,
    offload: bool | float = False,
) -> PlannedModules:
    """Return the plan of least cost whose step holds at most so much memory; see `revc.plan`.

    Raises:
        BindError: a module or an input is none, or a module cannot be run without numbers.
        InfeasibleError: no plan fits; says the least budget that one does, and what sets it.
        ScheduleError: the first module changes its input in place, or `memory` is no size.
    """
    budget = parse_bytes(memory) if isinstance(memory, str) else memory
    given, modules = values.checked(args), named(net)
    cuts, taken, costs = _costs(modules, given)
    device = _device(modules, given)
    runs = measure is not False
    if runs:
        given = _real(modules, given, device)
        costs = measured_stages(segments(modules, cuts, taken), costs, measure == "time")
    band = _bandwidth(offload, measure == "time")
    search = _Search(modules, cuts, StageArcs(costs, _extras(band)), budget)
    found, peak = search.best(given if runs else None, device)
    return PlannedModules(
        peak, budget, max(0, peak - found.trace.peak), min(found.bound, found.trace.extra_time),
        search.module(found), tuple(costs), found.plan, found.trace.extra_time, search.arcs.base,
        "seconds" if measure == "time" else "operations", found.bound_by,
        tuple(search.arcs.kept_by(found.plan)), found.trace.peak,
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
) -> tuple[list[Cut], list[Any], list[Stage]]:
    """Return segments, what they take, without numbers, and what they cost."""
    try:
        with without_numbers(list(modules.values()), given) as (twins, fakes):
            named_twins = dict(zip(modules, twins, strict=True))
            cuts, taken = cut(named_twins, fakes)
            return cuts, taken, stages(segments(named_twins, cuts, taken))
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
    modules: Mapping[str, nn.Module], given: Sequence[Tensor], device: torch.device
) -> tuple[Tensor, ...]:
    """Return inputs that a step can be run on."""
    if device.type == "meta":
        raise BindError("modules on the meta device cannot be measured: pass measure=False")
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


@dataclass(frozen=True)
class _Search:
    modules: Mapping[str, nn.Module]
    cuts: Sequence[Cut]
    arcs: StageArcs
    memory: int

    def module(self, found: Found) -> PlannedModule:
        """Return what runs a plan."""
        return PlannedModule(self.modules, self.cuts, found.plan)

    def best(self, given: Sequence[Tensor] | None, device: torch.device) -> tuple[Found, int]:
        """Return the best plan, and what its step holds: measured on inputs, if they are given."""
        target = self.memory
        for _ in range(TRIES):
            try:
                found = self._leanest(target)
            except InfeasibleError:
                break
            peak = self._peak(found, given, device)
            if peak <= self.memory:
                return found, peak
            target = min(target - 1, self.memory - (peak - found.trace.peak))
        return self._least(given, device)

    def _leanest(self, memory: int) -> Found:
        """Return a plan of the least cost, and of those one that holds the least.

        So a smaller budget never gives a plan that holds more.
        """
        found = solve_arcs(self.arcs, memory)
        for _ in range(LEANER):
            try:
                leaner = solve_arcs(self.arcs, found.trace.peak - 1)
            except InfeasibleError:
                break
            if leaner.trace.extra_time > found.trace.extra_time * (1 + 1e-12):
                break
            found = leaner
        return found

    def _least(self, given: Sequence[Tensor] | None, device: torch.device) -> tuple[Found, int]:
        """Return the plan that holds the least, if the budget is enough for it."""
        try:
            solve_arcs(self.arcs, 0)
        except InfeasibleError as error:
            found = self._leanest(error.least)
            peak = self._peak(found, given, device)
            if peak <= self.memory:
                return found, peak
            name = self.arcs.name(error.segment)
            raise InfeasibleError(self.memory, peak, error.segment, error.step, name) from None
        return self._leanest(0), 0

    def _peak(self, found: Found, given: Sequence[Tensor] | None, device: torch.device) -> int:
        if given is None:
            return found.trace.peak
        return measured(self.module(found), given, device)
