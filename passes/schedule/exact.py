"""The label method without bins: exactly the best one-level plan, if it ends.

A node keeps every label that no other dominates (at most as many bytes and at most the cost), and
that may still lead to a better plan than the best that is known. All arcs are tried. The number of
labels may double with each segment, so there is a limit to the work.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from revc.passes.schedule.arcs import Arcs, Floats, Ints
from revc.passes.schedule.feasible import Reach
from revc.passes.schedule.lagrange import Prices
from revc.passes.schedule.plan import Action, Plan, Unit


class TooMuchError(Exception):
    """The labels are too many; internal to the solver."""


@dataclass
class _Part:
    """Labels by one way: what they keep and cost, and which labels of which node they extend."""

    kept: list[Ints] = field(default_factory=list)
    cost: list[Floats] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)

    def add(self, kept: Ints, cost: Floats, unit: Unit) -> None:
        if not len(kept):
            return
        self.kept.append(kept)
        self.cost.append(cost)
        self.units.append(unit)


@dataclass(frozen=True, slots=True)
class _Node:
    """Labels by bytes kept, costs falling; `way` numbers the units, `origin` their labels."""

    kept: Ints
    cost: Floats
    way: Ints
    origin: Ints
    units: list[Unit]


def optimum(
    arcs: Arcs, known: Reach, prices: Prices, limit: float, work: int, tick: Callable[[int], None]
) -> Plan | None:
    """Return a plan of least extra time, None if none costs less than the limit.

    Args:
        arcs: of the chain.
        known: what can be reached.
        prices: what bounds the cost of ways on.
        limit: a sum of costs; only what costs less is looked for.
        work: the most labels that are made.
        tick: is called with each segment's number, and may raise.

    Raises:
        TooMuchError: there are more labels than that.
    """
    start = np.zeros(1, np.int64)
    nodes = [_Node(start, np.zeros(1), start, start, [])]
    for last in range(1, arcs.count + 1):
        tick(last)
        part = _parts(arcs, known, nodes, last)
        work -= sum(map(len, part.kept))
        if work < 0:
            raise TooMuchError
        nodes.append(_undominated(part, _caps(arcs, known, prices, last, limit)))
    end = nodes[-1]
    fit = int(end.kept.searchsorted(known.memory - arcs.final, "right"))
    return _plan(nodes, fit - 1) if fit else None


def _parts(arcs: Arcs, known: Reach, nodes: list[_Node], last: int) -> _Part:
    """Return all labels of a node."""
    part = _Part()
    before = nodes[last - 1]
    for one in known.alone[last]:
        count = int(before.kept.searchsorted(known.memory - one.need, "right"))
        part.add(before.kept[:count] + one.kept, before.cost[:count] + one.cost, one.unit)
    groups = arcs.groups(last, known.memory)
    for first in range(known.first[last], last + 1):
        node, i = nodes[first - 1], first - groups.first
        count = int(node.kept.searchsorted(known.memory - groups.need[i], "right"))
        unit = Unit(Action.CHECKPOINT, first, last)
        part.add(node.kept[:count] + groups.kept[i], node.cost[:count] + groups.cost, unit)
    return part


def _caps(arcs: Arcs, known: Reach, prices: Prices, last: int, limit: float) -> tuple[float, float]:
    """Return c and p such that a label may lead to less than the limit if cost + p kept < c."""
    room = known.memory - arcs.final
    return limit - float(prices.ahead[last]) + prices.price * room, prices.price


def _undominated(part: _Part, caps: tuple[float, float]) -> _Node:
    """Return the labels that nothing dominates, sorted."""
    kept = np.concatenate([np.empty(0, np.int64), *part.kept])
    cost = np.concatenate([np.empty(0), *part.cost])
    counts = np.array([len(one) for one in part.kept], np.int64)
    way = np.repeat(np.arange(len(counts)), counts)
    origin = np.arange(len(kept)) - np.repeat(np.cumsum(counts) - counts, counts)
    hopeful = np.flatnonzero(cost + caps[1] * kept < caps[0])
    order = hopeful[np.lexsort((cost[hopeful], kept[hopeful]))]
    least = np.minimum.accumulate(cost[order])
    new = np.append(True, least[1:] < least[:-1])[: len(order)]
    order = order[new]
    return _Node(kept[order], cost[order], way[order], origin[order], part.units)


def _plan(nodes: list[_Node], at: int) -> Plan:
    """Follow a label of the last node back to its start."""
    units, node = [], len(nodes) - 1
    while node:
        labels = nodes[node]
        unit = labels.units[int(labels.way[at])]
        units.append(unit)
        at, node = int(labels.origin[at]), unit.first - 1
    return Plan.from_units(reversed(units))
