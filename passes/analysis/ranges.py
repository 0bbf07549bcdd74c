"""What sizes and positions can be: the least of a dim over the turns of loops and all free sizes.

Turn i of n goes from 0 to n - 1, and a free size is at least 1: inputs with nothing in them are
refused. Bounds are exact where no turn is multiplied with itself, and safe elsewhere.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import prod

from revc.ir.dims import Dim, Monomial

Turns = Mapping[str, Dim]
"""The number of turns that each turn index counts, outer loops first."""

MOST_CORNERS = 64


def lows(dim: Dim, turns: Turns) -> tuple[Dim, ...]:
    """Return dims without turns, the least of which is the least that `dim` is over all turns.

    None are returned where a loop around it has no turns at all.
    """
    ends = _ends(turns)
    found = [dim]
    for name in reversed(ends):
        first, last = ends[name]
        if is_negative(last - first):
            return ()
        if 2 * len(found) > MOST_CORNERS or any(_squared(one, name) for one in found):
            found = [_least(one, name, first, last) for one in found]
        else:
            found = [one.substitute({name: end}) for one in found for end in (first, last)]
    return tuple(dict.fromkeys(found))


def _ends(turns: Turns) -> dict[str, tuple[Dim, Dim]]:
    """Return the first and the last turn of each loop in which all loops inside it have turns."""
    ends = {name: (Dim(), count - 1) for name, count in turns.items()}
    for count in turns.values():
        for name in count.names & ends.keys():
            factor = dict(count.terms).get((name,))
            rest = count - Dim((((name,), factor),)) if factor is not None else count
            if name in rest.names:
                continue
            first, last = ends[name]
            if factor == 1 and is_never_negative(Dim.of(1) - rest - first):
                ends[name] = Dim.of(1) - rest, last
            elif factor == -1 and is_never_negative(last - (rest - 1)):
                ends[name] = first, rest - 1
    return ends


def _squared(dim: Dim, name: str) -> bool:
    return any(monomial.count(name) > 1 for monomial, _ in dim.terms)


def _least(dim: Dim, name: str, first: Dim, last: Dim) -> Dim:
    """Return a bound from below: each monomial at that end of the turns where it is least."""
    total = Dim()
    for monomial, factor in dim.terms:
        end = first if factor > 0 else last
        total = total + Dim(((monomial, factor),)).substitute({name: end})
    return total


def is_negative(dim: Dim) -> bool:
    """Say whether a dim without turns is below 0 whatever the free sizes are."""
    terms = _above_one(dim)
    return terms.get((), 0) < 0 and all(factor <= 0 for factor in terms.values())


def is_never_negative(dim: Dim) -> bool:
    """Say whether a dim without turns is at least 0 whatever the free sizes are."""
    return all(factor >= 0 for factor in _above_one(dim).values())


@lru_cache(maxsize=4096)
def _above_one(dim: Dim) -> Mapping[Monomial, Fraction]:
    """Return the terms of a dim in what its sizes are above 1."""
    shifted = dim.substitute({name: Dim.of(name) + 1 for name in dim.names})
    return dict(shifted.terms)


def is_split_by_turns(dim: Dim, turns: Turns) -> bool:
    """Say whether a turn index is divided in a dim, so that not every turn has a whole number."""
    parts = (factor for monomial, factor in dim.terms if set(monomial) & turns.keys())
    return prod(factor.denominator for factor in parts) != 1
