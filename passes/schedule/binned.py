"""The label method for long chains: of the labels of a node, a bounded number is kept.

A label is a way to a node: the bytes it has kept, exactly, and its priced cost (see lagrange.py).
Bytes are cut into bins of equal width, and of the labels of a bin the one of least priced cost
stays, with its own bytes: so nothing is rounded, and what comes out fits the budget. Comparing
priced costs, not costs, is what makes few bins do: within a bin, time and bytes are exchanged at
the rate of the whole plan. A label is dropped where no way on fits (`room`), or where even the
cheapest way on leads to no better plan than one that is known.

Of the groups that end at a segment few are tried: of each range of lengths, which grow by two
fifths, the one of least priced cost.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from revc.passes.schedule.arcs import Arc, Arcs, Floats, Ints
from revc.passes.schedule.feasible import Reach
from revc.passes.schedule.lagrange import Prices
from revc.passes.schedule.plan import Action, Plan, Unit

EVERY = 4
"""Groups of up to this many segments are all tried."""
GROWTH = 1.4
NEAR = 0.2
"""How far from the shortest path a good plan's arcs are, in forward passes of a segment."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a node by bytes kept, and the label and arc that each comes from."""

    kept: Ints
    cost: Floats
    arc: Ints
    origin: Ints


@dataclass(frozen=True)
class Search:
    """What the label method runs on: the arcs that are tried, by the segment they end at."""

    arcs: Arcs
    known: Reach
    prices: Prices
    tried: list[list[Arc]]
    room: list[int]

    @classmethod
    def make(cls, arcs: Arcs, known: Reach, prices: Prices) -> "Search":
        """Choose the arcs, and find out how much may be kept at each node."""
        tried = [_tried(arcs, known, prices, last) for last in range(arcs.count + 1)]
        return cls(arcs, known, prices, tried, _room(arcs, known.memory, tried))

    def near(self, units: set[Unit]) -> list[Arc]:
        """Return single segments, the groups that a good plan may have, and those of some units."""
        most = self.prices.here[-1] + NEAR * self.arcs.base / self.arcs.count
        return [
            arc
            for last, tried in enumerate(self.tried)
            for arc in tried
            if arc.unit.action is not Action.CHECKPOINT
            or arc.unit in units
            or self._priced(arc, last) <= most
        ]

    def _priced(self, arc: Arc, last: int) -> float:
        """Return the least priced cost of a path by an arc."""
        own = arc.cost + self.prices.price * arc.kept
        return float(self.prices.here[arc.unit.first - 1] + own + self.prices.ahead[last])

    def best(self, bins: int, limit: float, tick: Callable[[int], None]) -> Plan | None:
        """Return the best plan that is found, None if none costs less than a limit.

        Args:
            bins: about how many labels a node keeps.
            limit: a sum of costs, from which on labels are dropped.
            tick: is called with each segment's number, and may raise.
        """
        shift = max(0, self.known.memory.bit_length() - bins.bit_length() + 1)
        start = np.zeros(1, np.int64)
        nodes = [Labels(start, np.zeros(1), start, start)]
        for last in range(1, self.arcs.count + 1):
            tick(last)
            nodes.append(self._node(nodes, last, shift, limit))
        return self._plan(nodes) if len(nodes[-1].kept) else None

    def _node(self, nodes: list[Labels], last: int, shift: int, limit: float) -> Labels:
        """Return the labels of a node, from those of the nodes before it."""
        room = self.room[last]
        bins = _Bins(max(0, room >> shift) + 1, shift)
        for number, arc in enumerate(self.tried[last]):
            origin = nodes[arc.unit.first - 1]
            most = min(self.known.memory - arc.need, room - arc.kept)
            count = int(origin.kept.searchsorted(most, "right"))
            if count:
                cost = arc.cost + self.prices.price * arc.kept
                bins.offer(origin.kept[:count] + arc.kept, origin.cost[:count] + cost, number)
        total = self.arcs.final - self.known.memory
        return bins.labels(limit - self.prices.ahead[last] - self.prices.price * total)

    def _plan(self, nodes: list[Labels]) -> Plan:
        """Follow the cheapest label of the last node back to its start."""
        end = nodes[-1]
        at, node = int((end.cost - self.prices.price * end.kept).argmin()), self.arcs.count
        units = []
        while node:
            labels = nodes[node]
            unit = self.tried[node][int(labels.arc[at])].unit
            units.append(unit)
            at, node = int(labels.origin[at]), unit.first - 1
        return Plan.from_units(reversed(units))


class _Bins:
    """The labels of a node while they are gathered, a place a bin."""

    def __init__(self, count: int, shift: int) -> None:
        self.shift = shift
        self.cost = np.full(count, np.inf)
        self.kept, self.arc, self.origin = (np.zeros(count, np.int64) for _ in range(3))

    def offer(self, kept: Ints, cost: Floats, arc: int) -> None:
        """Take in labels by one arc, which rise in `kept`, where they are the cheapest of a bin.

        Two of them may meet in one bin, whichever is written last; hence the second look.
        """
        at = kept >> self.shift
        better = (cost < self.cost.take(at)).nonzero()[0]
        while len(better):
            where, value = at.take(better), cost.take(better)
            self.cost[where], self.kept[where] = value, kept.take(better)
            self.arc[where], self.origin[where] = arc, better
            better = better[value < self.cost.take(where)]

    def labels(self, limit: float) -> Labels:
        """Return the labels that cost less than a limit."""
        left = np.flatnonzero(self.cost < limit)
        return Labels(self.kept[left], self.cost[left], self.arc[left], self.origin[left])


def _tried(arcs: Arcs, known: Reach, prices: Prices, last: int) -> list[Arc]:
    """Return the arcs to a node that are tried; among them is the one that keeps the least."""
    if last == 0:
        return []
    found = list(known.alone[last])
    if known.first[last] > last:
        return found
    groups = arcs.groups(last, known.memory)
    way = prices.here[groups.first - 1 : last] + prices.price * groups.kept
    starts = _starts(way, groups.first, known.first[last], last)
    unit = known.units[last]
    if unit is not None and unit.action is Action.CHECKPOINT:
        starts.add(unit.first)
    return found + [groups.arc(first) for first in sorted(starts)]


def _starts(way: Floats, offset: int, first: int, last: int) -> set[int]:
    """Return where the groups start that are tried; `way` has their costs, from `offset` on."""
    starts = set(range(max(first, last - EVERY + 1), last + 1))
    high = last - EVERY
    while high >= first:
        low = max(first, last - int((last - high + 1) * GROWTH))
        starts.add(low + int(way[low - offset : high + 1 - offset].argmin()))
        high = low - 1
    return starts


def _room(arcs: Arcs, memory: int, tried: list[list[Arc]]) -> list[int]:
    """Return the most that may be kept at each node so that some way on fits; -1 for none."""
    room = [-1] * arcs.count + [memory - arcs.final]
    for last in range(arcs.count, 0, -1):
        for arc in tried[last]:
            most = min(memory - arc.need, room[last] - arc.kept)
            room[arc.unit.first - 1] = max(room[arc.unit.first - 1], most)
    return room
