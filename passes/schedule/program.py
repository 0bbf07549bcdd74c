"""The linear program of the arcs, solved by HiGHS (Huangfu & Hall, 2018), which scipy brings.

A share y of each arc, so that one unit flows from node 0 to node n. Each segment s has one row:

    P_s = P_{s-1} + sum over arcs that start at s of need y
                  + sum over arcs that end at s - 1 of (kept - need) y,    P_s <= M,

so that P_s is what is kept before the arc over s and what that arc needs. As differences, an arc
has four entries, however long it is. A last row is the loss. Sizes are in units of M.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_matrix

from revc.passes.schedule.arcs import Arc, Floats


@dataclass(frozen=True)
class Duals:
    """Prices of a solution: of leaving each node, and of the room at each segment and the loss.

    Shapes ``[n + 1]``; that of the last node is 0, that of room is at least 0. `value` is the
    program's own.
    """

    node: Floats
    room: Floats
    value: float


@dataclass(frozen=True)
class Program:
    """The rows, and a column for each arc and for each P."""

    arcs: Sequence[Arc]
    cost: Floats
    rows: csc_matrix
    right: Floats
    most: Floats

    @classmethod
    def make(cls, arcs: Sequence[Arc], count: int, memory: int, final: int) -> "Program":
        """Return the program of some arcs of a chain of `count` segments."""
        first = np.array([arc.unit.first for arc in arcs])
        last = np.array([arc.unit.last for arc in arcs])
        unit = max(1, memory)
        kept = np.array([arc.kept for arc in arcs]) / unit
        need = np.array([arc.need for arc in arcs]) / unit
        column, one, inner = np.arange(len(arcs)), np.ones(len(arcs)), last < count
        place = np.arange(count + 1)
        entries = [
            (first - 1, column, one), (last[inner], column[inner], -one[inner]),
            (count + first - 1, column, -need), (count + last, column, need - kept),
            (count + place, len(arcs) + place, np.ones(count + 1)),
            (count + place[1:], len(arcs) + place[:-1], -np.ones(count)),
        ]  # fmt: skip
        row, at, value = (np.concatenate(part) for part in zip(*entries, strict=True))
        shape = (2 * count + 1, len(arcs) + count + 1)
        right, most = np.zeros(shape[0]), np.full(shape[1], np.inf)
        right[0], most[len(arcs) :], most[-1] = 1.0, memory / unit, (memory - final) / unit
        cost = np.append([arc.cost for arc in arcs], np.zeros(count + 1))
        return cls(arcs, cost, csc_matrix((value, (row, at)), shape=shape), right, most)

    @property
    def least(self) -> Floats:
        """The lower bounds of the columns."""
        return np.where(np.arange(len(self.most)) < len(self.arcs), 0.0, -np.inf)

    def relaxed(self, seconds: float) -> Duals | None:
        """Return the prices of the linear program, None if it did not end in time.

        By interior points, whose prices lie in the middle of those that are right: they bound more
        than a corner's do while arcs are missing.
        """
        bounds = np.stack([self.least, self.most], 1)
        found = linprog(
            self.cost, A_eq=self.rows, b_eq=self.right, bounds=bounds, method="highs-ipm",
            options={"time_limit": seconds},
        )  # fmt: skip
        if found.x is None or found.status != 0:
            return None
        count = (len(self.right) - 1) // 2
        node = np.append(found.eqlin.marginals[:count], 0.0)
        return Duals(node, np.maximum(0.0, -found.upper.marginals[len(self.arcs) :]), found.fun)

    def whole(self, seconds: float) -> list[Arc] | None:
        """Return the arcs of a best path that is not split, None if there is none or no time."""
        whole = (np.arange(len(self.most)) < len(self.arcs)).astype(int)
        found = milp(
            self.cost, integrality=whole, bounds=Bounds(self.least, self.most),
            constraints=LinearConstraint(self.rows, self.right, self.right),
            options={"time_limit": seconds, "mip_rel_gap": 0.0},
        )  # fmt: skip
        if found.x is None:
            return None
        return [arc for arc, share in zip(self.arcs, found.x, strict=False) if share > 0.5]
