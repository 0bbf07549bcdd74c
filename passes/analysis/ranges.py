"""What sizes and positions can be: the least of a dim over the turns of loops and all free sizes.

Turn i of n goes from 0 to n - 1, and a free size is at least 1: inputs with nothing in them are
refused. Bounds are exact where no turn is multiplied with itself, and safe elsewhere.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import prod

from revc.ir.dims import Dim, Monomial

Turns = Mapping[str, Dim]
"""The number of turns that each turn index counts, outer loops first."""

MOST_CORNERS = 64


def lows(dim: Dim, turns: Turns) -> tuple[Dim, ...]:
    """Return dims without turns, the least of which is the least that `dim` is over all turns.

    None are returned where a loop that it depends on has no turns at all.
    """
    found = [dim]
    for name, count in reversed(list(turns.items())):
        if not any(name in one.names for one in found):
            continue
        known = count.constant
        if known is not None and known <= 0:
            return ()
        ends = (Dim(), count - 1)
        if 2 * len(found) > MOST_CORNERS or any(_squared(one, name) for one in found):
            found = [_least(one, name, count) for one in found]
        else:
            found = [one.substitute({name: end}) for one in found for end in ends]
    return tuple(dict.fromkeys(found))


def _squared(dim: Dim, name: str) -> bool:
    return any(monomial.count(name) > 1 for monomial, _ in dim.terms)


def _least(dim: Dim, name: str, count: Dim) -> Dim:
    """Return a bound from below: each monomial at that end of the turns where it is least."""
    total = Dim()
    for monomial, factor in dim.terms:
        end = Dim() if factor > 0 else count - 1
        total = total + Dim(((monomial, factor),)).substitute({name: end})
    return total


def is_negative(dim: Dim) -> bool:
    """Say whether a dim without turns is below 0 whatever the free sizes are."""
    terms = _above_one(dim)
    return terms.get((), 0) < 0 and all(factor <= 0 for factor in terms.values())


def is_never_negative(dim: Dim) -> bool:
    """Say whether a dim without turns is at least 0 whatever the free sizes are."""
    return all(factor >= 0 for factor in _above_one(dim).values())


def _above_one(dim: Dim) -> dict[Monomial, Fraction]:
    """Return the terms of a dim in what its sizes are above 1."""
    shifted = dim.substitute({name: Dim.of(name) + 1 for name in dim.names})
    return dict(shifted.terms)


def is_split_by_turns(dim: Dim, turns: Turns) -> bool:
    """Say whether a turn index is divided in a dim, so that not every turn has a whole number."""
    parts = (factor for monomial, factor in dim.terms if set(monomial) & turns.keys())
    return prod(factor.denominator for factor in parts) != 1
