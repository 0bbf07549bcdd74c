"""A chain as a graph: nodes 0 to n between its segments, and an arc for each unit of a plan.

A plan is a path from node 0 to node n. With H the bytes kept for the units before an arc, the arc
needs H + need bytes at its worst step, and adds `kept` to H: so a plan fits a budget M if
H + need <= M at each of its arcs, and H_n + 2 a_n <= M at the loss.

A group's forward passes need less than its re-runs, so that its need is the most, over its segments
j, of T_j + a_j + p_j + max(g_l and what waits, g_{j-1} and what waits), with T_j as the sum of its
residuals and inputs up to j: a suffix maximum, for all groups that end at l at once.

Costs are what a unit takes longer than the re-runs of its segments would, so groups cost nothing:
or less, where the last re-run of a group stops early (see stages.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revc.passes.schedule.chain import Chain
from revc.passes.schedule.plan import Action, Plan, Unit
from revc.passes.schedule.simulate import Trace, simulate

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arc:
    """One arc: a unit, what it keeps and needs, and its cost."""

    unit: Unit
    kept: int
    need: int
    cost: float


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups that end at one segment: those from `first` on, an entry for each start.

    They cost the same, whatever their start.
    """

    first: int
    last: int
    kept: Ints
    need: Ints
    cost: float = 0.0

    def arc(self, first: int) -> Arc:
        """Return the group that starts at a segment."""
        i = first - self.first
        unit = Unit(Action.CHECKPOINT, first, self.last)
        return Arc(unit, int(self.kept[i]), int(self.need[i]), self.cost)


class Arcs:
    """The arcs of a chain; sizes are int64, their sums exact.

    Attributes:
        count: the number of segments.
        base: the extra time of recomputing everything; a plan's extra time is that and its costs.
        final: what the loss needs beside what is kept.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain, self.count = chain, len(chain.segments)
        self.size = np.array(chain.sizes, np.int64)
        self.resid, self.peak = (
            np.array([0, *(getattr(one, name) for one in chain.segments)], np.int64)
            for name in ("resid_bytes", "peak_bytes")
        )
        self.base = fsum(one.t_fwd for one in chain.segments)
        self.final = 2 * int(self.size[-1])
        self.stored = np.cumsum(np.append(0, self.size[:-1] + self.resid[1:]))
        self.skips = _Skips(self.size, chain.skips) if chain.skips else None
        self._peaks = self.size + self.peak + self.stored
        self._back = np.append(0, self.size[:-1])
        if self.skips:
            self._back += self.skips.waiting
        self._singles = [tuple(self._single(j)) for j in range(1, self.count + 1)]

    def name(self, segment: int) -> str:
        """Return what a segment, from 1, is called."""
        return self.chain.segments[segment - 1].name

    @property
    def save_all(self) -> Plan:
        """The plan that saves everything."""
        return Plan((Action.SAVE,) * self.count)

    def trace(self, plan: Plan) -> Trace:
        """Return what happens when a plan runs."""
        return simulate(self.chain, plan)

    def group_cost(self, last: int) -> float:
        """Return what any group that ends at a segment costs."""
        return 0.0

    def singles(self, last: int) -> tuple[Arc, ...]:
        """Return the units of segment `last` alone, groups apart."""
        return self._singles[last - 1]

    def groups(self, last: int, memory: int) -> Groups:
        """Return the groups that end at a segment, but for some that no `memory` would do for."""
        below = int(self.stored[last]) - memory
        first = min(last, int(np.searchsorted(self.stored, below)) + 1)
        span, kept = slice(first, last + 1), self.size[first - 1 : last]
        ahead: int | Ints = int(self.size[last])
        if self.skips is not None:
            later = self.skips.outlived(first, last)
            kept = kept + later[:-1]
            ahead = ahead + int(self.skips.rerun[last]) + later[1:]
        most: Ints = np.maximum(self._back[span], ahead) + self._peaks[span]
        most = np.maximum.accumulate(most[::-1])[::-1] - self.stored[first - 1 : last]
        return Groups(first, last, kept, most)

    def kept(self, first: int, last: int) -> Ints:
        """Return what the groups from `first` or later to `last` keep."""
        own = self.size[first - 1 : last]
        return own if self.skips is None else own + self.skips.outlived(first, last)[:-1]

    def _single(self, j: int) -> Iterator[Arc]:
        """Yield what else than a group a segment can be."""
        segment, band = self.chain.segments[j - 1], self.chain.offload_bandwidth
        before, after = int(self.size[j - 1]), int(self.size[j])
        stays = before if self.skips and self.skips.reach[j - 1] > j else 0
        wait = int(self.skips.waiting[j]) if self.skips else 0
        resid, work = segment.resid_bytes, after + segment.peak_bytes
        store = before + resid
        need = store + work + before + wait
        yield Arc(Unit(Action.SAVE, j, j), store, need, -segment.t_fwd)
        if segment.t_inv is not None and segment.kind == "invertible":
            cost = segment.t_inv - segment.t_fwd
            tape = segment.tape_bytes
            yield Arc(Unit(Action.INVERT, j, j), tape + stays, need + after + tape, cost)
        if band is not None:
            cost = 2 * (store - stays) / band - segment.t_fwd
            yield Arc(Unit(Action.OFFLOAD, j, j), stays, need, cost)


class _Skips:
    """What skips add, node by node.

    Attributes:
        reach: the last segment that reads x_i.
        waiting: at backward j, the gradients g_i, i < j - 1, to which a later segment has added.
        rerun: the same at the re-run of a group that ends at l, for i < l.
    """

    def __init__(self, size: Ints, skips: Any) -> None:
        self.reach = np.arange(1, len(size) + 1)
        for i, j in skips:
            self.reach[i] = max(self.reach[i], j)
        self.waiting, self.rerun = np.zeros_like(size), np.zeros_like(size)
        self.size = size
        for i in np.flatnonzero(self.reach > np.arange(1, len(size) + 1)):
            self.waiting[i + 2 : self.reach[i] + 1] += size[i]
            self.rerun[i + 1 : self.reach[i]] += size[i]

    def outlived(self, first: int, last: int) -> Ints:
        """Return the bytes of x_k, .., x_{last-1} that are read beyond `last`, for each k.

        Shape ``[last - first + 2]``, for k from `first` to `last` + 1; the last two are 0.
        """
        span = slice(first, last)
        sizes = np.where(self.reach[span] > last, self.size[span], 0)
        return np.concatenate([np.cumsum(sizes[::-1])[::-1], (0, 0)])
