"""The search for a plan of modules within a budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action
from revc.passes.schedule.solve import Found, solve_arcs
from revc.passes.schedule.stages import StageArcs
from revc.planning.modules.cut import Cut
from revc.planning.modules.runner import PlannedModule
from revc.planning.modules.step import measured

TRIES = 4
"""How often a plan is made anew with what its own step has shown."""
LEANER = 32
"""How often a plan of the same cost that holds less is looked for."""


@dataclass(frozen=True)
class Search:
    """The search for a plan: on the costs of segments first, then on what its step holds."""

    modules: Mapping[str, nn.Module]
    cuts: Sequence[Cut]
    arcs: StageArcs
    memory: int
    bits: Mapping[int, float] = field(default_factory=dict)

    def module(self, found: Found) -> PlannedModule:
        """Return what runs a plan."""
        chosen = {
            number: self.bits[number]
            for number, action in enumerate(found.plan.actions, 1)
            if action is Action.COMPRESS
        }
        return PlannedModule(self.modules, self.cuts, found.plan, chosen)

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
