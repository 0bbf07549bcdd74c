"""The bound of the linear program, without writing all of it down (column generation).

The program in program.py is solved on some of its arcs. Its prices of room give a bound whatever
arcs it had: with mu_s the price of room at segment s and mu the sum of those behind it, a shortest
path over all arcs at cost + need (mu_k + .. + mu_l) + kept (mu_{l+1} + ..), less what the room is
worth. That is computed here, from the prices alone, so that the bound does not rest on the solver's
tolerances. The arcs that are cheaper than the program thinks join it, until bound and program meet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from revc.passes.schedule.arcs import Arc, Arcs, Floats
from revc.passes.schedule.feasible import Reach
from revc.passes.schedule.program import Duals, Program

ROUNDS, FRESH = 12, 3000
"""The most programs that are solved, and the most arcs that join at once."""
MEET = 1e-4
"""How far bound and program may be apart, as a share of the time of all forward passes."""


@dataclass(frozen=True, slots=True)
class Found:
    """An arc that is cheaper than the program thinks, by so much."""

    gain: float
    arc: Arc


def lp_bound(arcs: Arcs, known: Reach, tried: Iterable[Arc], goal: float, seconds: float) -> float:
    """Return a number that the costs of no plan sum to less than.

    Args:
        arcs: of the chain.
        known: what can be reached within the budget.
        tried: arcs to start with, a plan's among them.
        goal: a bound that is good enough.
        seconds: how long each program may take.
    """
    columns, best = {arc.unit: arc for arc in tried}, -np.inf
    for _ in range(ROUNDS):
        program = Program.make(list(columns.values()), arcs.count, known.memory, arcs.final)
        duals = program.relaxed(seconds)
        if duals is None:
            break
        bound, found = evaluate(arcs, known, duals)
        best = max(best, bound)
        if best >= min(goal, duals.value - MEET * arcs.base) or not found:
            break
        for one in sorted(found, key=lambda each: -each.gain)[:FRESH]:
            columns[one.arc.unit] = one.arc
    return float(best)


def evaluate(arcs: Arcs, known: Reach, duals: Duals) -> tuple[float, list[Found]]:
    """Return the bound that prices of room give, and arcs that the program lacks."""
    here, found, unit = np.zeros(arcs.count + 1), list[Found](), max(1, known.memory)
    sums = np.append(0.0, np.cumsum(duals.room)) / unit
    for last in range(1, arcs.count + 1):
        own, behind = sums[last] - sums[last - 1], sums[-1] - sums[last]
        ways = [
            here[last - 1] + one.cost + one.need * own + one.kept * behind
            for one in known.alone[last]
        ]
        first = known.first[last]
        if first <= last:
            groups = arcs.groups(last, known.memory)
            span, part = slice(first - 1, last), slice(first - groups.first, None)
            cost = groups.need[part] * (sums[last] - sums[span]) + groups.kept[part] * behind
            cost += groups.cost
            ways.append((here[span] + cost).min())
            gains = duals.node[span] - duals.node[last] - cost
            found += (Found(float(gains[i]), groups.arc(first + i)) for i in _best(gains))
        here[last] = min(ways, default=np.inf)
    worth = sums[-1] * known.memory - duals.room[-1] * arcs.final / unit
    return float(here[-1] - worth), found


def _best(gains: Floats) -> Iterator[int]:
    """Yield where the gain is most, of each range of lengths, if there is any."""
    end = len(gains)
    while end > 0:
        start = max(0, len(gains) - int((len(gains) - end + 1) * 1.5) - 1)
        best = start + int(gains[start:end].argmax())
        if gains[best] > 1e-7:
            yield best
        end = start
