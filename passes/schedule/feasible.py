"""Whether a plan fits a budget, and the least budget that one fits.

Of two ways to a node the one that has kept less is better for everything behind it, as long as
time does not count. So the least that can be kept at each node tells; the budget is found by
halving.
"""

from dataclasses import dataclass

import numpy as np

from revc.passes.schedule.arcs import Arc, Arcs, Ints
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action, Plan, Unit

NEVER = np.int64(2**62)


@dataclass(frozen=True)
class Reach:
    """What can be reached under a budget.

    Attributes:
        least: the least that can be kept at each node, `NEVER` if it cannot be reached. Shape
            ``[n + 1]``.
        first: for each segment the longest group that ends there and may fit, by its first.
        alone: for each segment what else than a group it may be.
        units: the unit by which each node is reached with that least.
    """

    memory: int
    least: Ints
    first: list[int]
    alone: list[list[Arc]]
    units: list[Unit | None]

    @property
    def plan(self) -> Plan:
        """The plan that keeps the least."""
        found, node = [], len(self.units) - 1
        while node:
            unit = self.units[node]
            assert unit is not None  # the last node was reached
            found.append(unit)
            node = unit.first - 1
        return Plan.from_units(reversed(found))


def reach(arcs: Arcs, memory: int) -> Reach | None:
    """Return what can be reached within a budget, None if no plan fits."""
    least = np.full(arcs.count + 1, NEVER)
    least[0] = 0
    result = Reach(memory, least, [0], [[]], [None])
    for last in range(1, arcs.count + 1):
        _extend(arcs, result, last)
    return result if least[-1] + arcs.final <= memory else None


def _extend(arcs: Arcs, known: Reach, last: int) -> None:
    """Find the least that can be kept behind one segment, and by which unit."""
    groups = arcs.groups(last, known.memory)
    before = known.least[groups.first - 1 : last]
    fits = before + groups.need <= known.memory
    kept = np.where(fits, before + groups.kept, NEVER)
    at = int(kept.argmin())
    best, unit = int(kept[at]), Unit(Action.CHECKPOINT, groups.first + at, last)
    start = int(known.least[last - 1])
    alone = [one for one in arcs.singles(last) if start + one.need <= known.memory]
    for one in alone:
        if start + one.kept < best:
            best, unit = start + one.kept, one.unit
    known.first.append(groups.first + (int(fits.argmax()) if fits.any() else last))
    if best < NEVER:
        known.least[last] = best
    known.alone.append(alone)
    known.units.append(unit)


def least_budget(arcs: Arcs) -> int:
    """Return the least budget that a plan fits."""
    low, high = arcs.final - 1, arcs.trace(arcs.save_all).peak
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reach(arcs, middle) else (middle, high)
    return high


def infeasible(arcs: Arcs, memory: int) -> InfeasibleError:
    """Return the error that says what budget would do, and which segment's step sets it."""
    least = least_budget(arcs)
    found = reach(arcs, least)
    assert found is not None  # the least budget is one that a plan fits
    worst = arcs.trace(found.plan).highest
    return InfeasibleError(memory, least, worst.segment, worst.kind, arcs.name(worst.segment))
