"""A lower bound that needs no solver: a price for every byte that is kept at the loss.

Of all that a budget M demands, only H_n + 2 a_n <= M stays as a constraint, and that is priced:

    extra time >= min over paths of (cost + price * kept) - price * (M - 2 a_n),

for any price >= 0 (Lagrangian relaxation; Geoffrion, 1974). The minimum is a shortest path, over
the arcs that fit the budget on their own. The best price lies where the lines of two paths cross,
one that keeps too much and one that does not: each new path cuts the range, until none lies below.
"""

from dataclasses import dataclass

import numpy as np

from revc.passes.schedule.arcs import Arcs, Floats
from revc.passes.schedule.feasible import Reach
from revc.passes.schedule.plan import Action

_ROUNDS = 60


@dataclass(frozen=True)
class Prices:
    """The best price, and what it says of each node.

    Attributes:
        price: of a byte that is kept, in units of time.
        here: the least priced cost of reaching each node. Shape ``[n + 1]``.
        ahead: that of reaching the last node from each. Shape ``[n + 1]``.
        bound: no plan's costs sum to less.
    """

    price: float
    here: Floats
    ahead: Floats
    bound: float


@dataclass(frozen=True, slots=True)
class _Path:
    cost: float
    kept: int
    here: Floats


def prices(arcs: Arcs, known: Reach) -> Prices:
    """Return the best price for a budget that some plan fits."""
    room = known.memory - arcs.final
    over, price = _shortest(arcs, known, 0.0), 0.0
    best = over
    if over.kept > room:
        low = over
        high = _Path(_cost(arcs, known), int(known.least[-1]), over.here)
        for _ in range(_ROUNDS):
            price = (high.cost - low.cost) / (low.kept - high.kept)
            best = _shortest(arcs, known, price)
            if best.here[-1] >= low.cost + price * low.kept - 1e-12 * (1 + abs(low.cost)):
                break
            low, high = (best, high) if best.kept > room else (low, best)
    ahead = _ahead(arcs, known, price)
    return Prices(price, best.here, ahead, float(best.here[-1]) - price * room)


def _cost(arcs: Arcs, known: Reach) -> float:
    """Return the costs of the plan that keeps the least."""
    units = set(known.plan.units())
    groups = (arcs.group_cost(u.last) for u in units if u.action is Action.CHECKPOINT)
    return sum(one.cost for alone in known.alone for one in alone if one.unit in units) + sum(
        groups
    )


def _shortest(arcs: Arcs, known: Reach, price: float) -> _Path:
    """Return the shortest path at a price."""
    here, cost, kept = np.zeros(arcs.count + 1), [0.0], [0]
    for last in range(1, arcs.count + 1):
        first = known.first[last]
        best, at, own, add = np.inf, last - 1, 0.0, 0
        if first <= last:
            held = arcs.kept(first, last)
            way = here[first - 1 : last] + price * held
            index = int(way.argmin())
            at, own, add = first - 1 + index, arcs.group_cost(last), int(held[index])
            best = float(way[index]) + own
        for one in known.alone[last]:
            value = here[last - 1] + one.cost + price * one.kept
            if value < best:
                best, at, own, add = value, last - 1, one.cost, one.kept
        here[last] = best
        cost.append(cost[at] + own)
        kept.append(kept[at] + add)
    return _Path(cost[-1], kept[-1], here)


def _ahead(arcs: Arcs, known: Reach, price: float) -> Floats:
    """Return the least priced cost from each node to the last."""
    ahead = np.full(arcs.count + 1, np.inf)
    ahead[-1] = 0.0
    for last in range(arcs.count, 0, -1):
        first = known.first[last]
        if first <= last:
            span = slice(first - 1, last)
            way = ahead[last] + arcs.group_cost(last) + price * arcs.kept(first, last)
            np.minimum(ahead[span], way, out=ahead[span])
        for one in known.alone[last]:
            way = ahead[last] + one.cost + price * one.kept
            ahead[last - 1] = min(ahead[last - 1], way)
    return ahead
