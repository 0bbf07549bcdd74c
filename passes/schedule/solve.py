"""The planner: the plan of least extra time within a budget, and how good it is at least."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal

from revc.passes.schedule import exact
from revc.passes.schedule.arcs import Arcs
from revc.passes.schedule.binned import Search
from revc.passes.schedule.chain import Chain
from revc.passes.schedule.feasible import Reach, infeasible, reach
from revc.passes.schedule.lagrange import Prices, prices
from revc.passes.schedule.plan import Plan
from revc.passes.schedule.simulate import Trace

LABELS = 2048
"""The most labels a node has in the method for long chains."""
SLACK = (0.02, 0.2, float("inf"))
"""How far above the bound that method looks for plans: first near it, then further off.

Where none is near, the one of least priced cost may be a bad one; so it does not end the search.
"""
GOOD = 0.009
"""A gap that is small enough to look no longer for a higher bound."""
WORK = 2_000_000
"""The most labels that the exact method makes of up to 100 segments; of longer chains fewer."""

BoundBy = Literal["optimum", "lp", "price"]

Progress = Callable[[str, float, float | None], None]
"""Is told the stage, the share of it that is done, and the best extra time so far."""


@dataclass(frozen=True)
class Found:
    """A plan that fits a budget.

    Attributes:
        memory: the budget.
        plan: an action for each segment.
        trace: its steps, by the simulator.
        bound: no one-level plan within the budget takes less extra time.
        bound_by: what shows that: the label method that ended (``optimum``), a linear program
            (``lp``), or the price of a byte (``price``).
        in_time: whether all was done that was to be done, before the time limit.
    """

    memory: int
    plan: Plan
    trace: Trace
    bound: float
    bound_by: BoundBy
    in_time: bool = True

    @property
    def extra_time(self) -> float:
        """What the plan takes longer than saving everything."""
        return self.trace.extra_time

    @property
    def gap(self) -> float:
        """How far the extra time may be above the least, as a share of the bound."""
        return _gap(self.extra_time, self.bound)


@dataclass(frozen=True)
class Solution(Found):
    """A plan for a chain that fits a budget, and the chain."""

    chain: Chain = field(kw_only=True)


def _gap(extra: float, bound: float) -> float:
    return 0.0 if extra <= bound else extra / bound - 1 if bound > 0 else float("inf")


class _TimeUpError(Exception):
    """The time limit is reached; internal to the solver."""


class Solver:
    """One search: the best plan so far, and the clock."""

    def __init__(self, arcs: Arcs, memory: int, limit: float | None, told: Progress | None):
        self.arcs, self.memory = arcs, memory
        self.end = None if limit is None else time.monotonic() + limit
        self.told = told
        self.plan = arcs.save_all
        self.trace = arcs.trace(self.plan)

    def offer(self, plan: Plan | None) -> None:
        """Keep a plan if it is better than the best so far."""
        if plan is None:
            return
        trace = self.arcs.trace(plan)
        if self.trace.peak > self.memory or trace.extra_time < self.trace.extra_time:
            self.plan, self.trace = plan, trace

    def gap(self, bound: float) -> float:
        """Return how far the best plan is above a bound, as a share of it."""
        return _gap(self.trace.extra_time, bound)

    def search(self, known: Reach, priced: Prices) -> Search:
        """Look for better plans by the method for long chains.

        Raises:
            _TimeUpError: the time limit is reached.
        """
        self.offer(known.plan)
        search = Search.make(self.arcs, known, priced)
        low = self.arcs.base + priced.bound
        for slack in SLACK:
            if self.trace.extra_time == 0:
                break
            limit = min(self._limit(), low * (1 + slack) - self.arcs.base)
            self.offer(search.best(LABELS, limit, self._tick("labels")))
            if self._limit() <= limit:
                break
        return search

    def prove(self, known: Reach, priced: Prices) -> bool:
        """Look for the best plan, and say whether that ended.

        Raises:
            _TimeUpError: the time limit is reached.
        """
        tick, work = self._tick("exact"), WORK * 100 // max(100, self.arcs.count)
        try:
            self.offer(exact.optimum(self.arcs, known, priced, self._limit(), work, tick))
        except exact.TooMuchError:
            return False
        return True

    def certify(self, known: Reach, search: Search) -> float:
        """Return the bound of the linear program on the extra time.

        Raises:
            _TimeUpError: the time limit is reached.
        """
        from revc.passes.schedule.lp import lp_bound

        self._tick("bound")(1)
        seconds = 60.0 if self.end is None else max(0.1, self.end - time.monotonic())
        goal = self.trace.extra_time / (1 + GOOD) - self.arcs.base
        columns = search.near(set(self.plan.units()))
        return self.arcs.base + lp_bound(self.arcs, known, columns, goal, seconds)

    def _limit(self) -> float:
        """Return what the costs of a better plan sum to less than."""
        return self.trace.extra_time - self.arcs.base

    def _tick(self, stage: str) -> Callable[[int], None]:
        def tick(segment: int) -> None:
            if self.told is not None and segment % 64 == 1:
                self.told(stage, segment / self.arcs.count, self.trace.extra_time)
            if self.end is not None and time.monotonic() > self.end:
                raise _TimeUpError

        return tick


def solve(
    chain: Chain, memory: int, *, limit: float | None = None, progress: Progress | None = None
) -> Solution:
    """Return the plan of least extra time that fits a budget, and a bound.

    Args:
        chain: what is planned.
        memory: the budget, in the unit of the chain's sizes.
        limit: seconds that the search may take; the best plan so far is returned then.
        progress: is told how the search goes.

    Raises:
        InfeasibleError: no plan fits; it has the least budget that one fits.
    """
    return Solution(**vars(solve_arcs(Arcs(chain), memory, limit, progress)), chain=chain)


def solve_arcs(
    arcs: Arcs, memory: int, limit: float | None = None, progress: Progress | None = None
) -> Found:
    """Return the plan of least extra time over some arcs; see `solve`."""
    solver = Solver(arcs, memory, limit, progress)
    if solver.trace.peak <= memory:
        return Found(memory, solver.plan, solver.trace, 0.0, "optimum")
    known = reach(solver.arcs, memory)
    if known is None:
        raise infeasible(solver.arcs, memory)
    return _searched(solver, known, prices(solver.arcs, known))


def _searched(solver: Solver, known: Reach, priced: Prices) -> Found:
    """Return what the search finds and shows."""
    by: BoundBy = "price"
    bound, in_time = solver.arcs.base + priced.bound, True
    try:
        search = solver.search(known, priced)
        if solver.trace.extra_time == 0 or solver.prove(known, priced):
            bound, by = solver.trace.extra_time, "optimum"
        elif solver.gap(bound) > GOOD and find_spec("scipy"):
            lifted = solver.certify(known, search)
            bound, by = (lifted, "lp") if lifted > bound else (bound, by)
    except _TimeUpError:
        in_time = False
    bound = max(0.0, min(solver.trace.extra_time, bound))
    return Found(solver.memory, solver.plan, solver.trace, bound, by, in_time)
