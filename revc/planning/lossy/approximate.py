"""Plans in which some segments keep codes, within a budget of memory and one of gradient error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from revc.errors import BindError, ScheduleError
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action, Plan
from revc.passes.schedule.solve import solve_arcs
from revc.passes.schedule.stages import StageArcs
from revc.planning.lossy import policy
from revc.planning.lossy.policy import Width
from revc.planning.modules.costs import Segment
from revc.planning.modules.runner import PlannedModule
from revc.planning.modules.search import Search

TRIES = 4
"""How often less error is aimed at, if the whole plan errs more than its segments alone."""


@dataclass(frozen=True)
class Approximate:
    """The search for such a plan.

    Attributes:
        exact: the search among plans without codes.
        parts, saved: the segments, and what autograd saves of each, without numbers.
        given: the example.
        allowed: the L2 norm by which gradients may err, as a share of theirs.
    """

    exact: Search
    parts: Sequence[Segment]
    saved: Sequence[Sequence[Tensor]]
    given: Sequence[Tensor]
    device: torch.device
    timed: bool
    allowed: float

    def __post_init__(self) -> None:
        if not (0 < self.allowed < math.inf):
            raise BindError(f"lossy is the error that gradients may have, above 0: {self.allowed}")

    def search(self) -> Search:
        """Return the search of least cost whose plan errs no more than is allowed.

        Raises:
            InfeasibleError: nothing fits, with codes or without.
            ScheduleError: what fits the memory errs more.
        """
        aim = self.allowed
        if self.exact.arcs.trace(self.exact.arcs.save_all).peak <= self.exact.memory:
            return self._without()
        for _ in range(TRIES):
            chosen = self._chosen(aim)
            if chosen is None:
                break
            found, _ = chosen.best(self.given, self.device)
            module = chosen.module(found)
            error = self.error(module) if module.bits else 0.0
            if error <= self.allowed:
                return chosen
            aim *= 0.8 * self.allowed / error
        return self._without()

    def error(self, module: nn.Module) -> float:
        """Return the gradient error of a module that runs a plan, on the example."""
        return policy.relative(self._gradients(module), self._exact_gradients)

    def _without(self) -> Search:
        """Return the search without codes, if anything fits so."""
        try:
            self.exact.best(self.given, self.device)
        except InfeasibleError as error:
            raise ScheduleError(
                f"{error}; and with codes no plan was found whose gradients err by "
                f"{self.allowed:g} or less"
            ) from None
        return self.exact

    def _chosen(self, aim: float) -> Search | None:
        """Return the search of least cost over all prices of an error, None if none fits."""
        best: tuple[float, float, Search] | None = None
        for search in self._searches():
            try:
                found = solve_arcs(search.arcs, search.memory)
            except InfeasibleError:
                continue
            error = self._foreseen(search, found.plan)
            key = (found.extra_time, error)
            if error <= aim and (best is None or key < best[:2]):
                best = (*key, search)
        return None if best is None else best[2]

    def _searches(self) -> list[Search]:
        found = [self.exact]
        for price in policy.prices(self._widths):
            chosen = policy.at_price(self._widths, price)
            codings = {number: policy.coding(one, self._cost) for number, one in chosen.items()}
            arcs = StageArcs(self.exact.arcs.stages, self.exact.arcs.extras, codings)
            bits = {number: one.bits for number, one in chosen.items()}
            if bits != found[-1].bits:
                found.append(replace(self.exact, arcs=arcs, bits=bits))
        return found

    def _foreseen(self, search: Search, plan: Plan) -> float:
        """Return the error of a plan if those of its segments are independent."""
        return math.sqrt(
            math.fsum(
                one.error
                for number, action in enumerate(plan.actions, 1)
                if action is Action.COMPRESS
                for one in self._widths[number]
                if one.bits == search.bits[number]
            )
        )

    @cached_property
    def _cost(self) -> float:
        return policy.coding_seconds() if self.timed else policy.OPERATIONS

    @cached_property
    def _widths(self) -> Mapping[int, Sequence[Width]]:
        count = len(self.parts)
        measured = policy.errors(count, self._alone, self._exact_gradients)
        rows = zip(self.parts, self.saved, self.exact.arcs.stages, measured, strict=True)
        return {number: policy.widths(*row) for number, row in enumerate(rows, 1)}

    @cached_property
    def _exact_gradients(self) -> list[Tensor]:
        plan = self.exact.arcs.save_all
        return self._gradients(PlannedModule(self.exact.modules, self.exact.cuts, plan))

    def _alone(self, number: int, bits: float) -> list[Tensor]:
        """Return the gradients if one segment alone keeps codes."""
        actions = list(self.exact.arcs.save_all.actions)
        actions[number - 1] = Action.COMPRESS
        module = PlannedModule(
            self.exact.modules, self.exact.cuts, Plan(tuple(actions)), {number: bits}
        )
        return self._gradients(module)

    def _gradients(self, module: nn.Module) -> list[Tensor]:
        return policy.gradients(module, self.given, self.device)
