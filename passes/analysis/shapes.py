"""Shapes: how they broadcast, what an index leaves of them, when two slices are apart."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd

from revc.ir.dims import Dim
from revc.ir.expr import At, AxisIndex, Place, Slice
from revc.ir.types import Shape

ONE = Dim.of(1)


def broadcast(left: Shape, right: Shape) -> Shape | None:
    """Return the shape of both together as NumPy has it, or None when they do not fit."""
    rank = max(len(left), len(right))
    pairs = zip(_padded(left, rank), _padded(right, rank), strict=True)
    result = []
    for one, two in pairs:
        if one != two and ONE not in (one, two):
            return None
        result.append(two if one == ONE else one)
    return tuple(result)


def fits(value: Shape, target: Shape) -> bool:
    """Say whether a value of one shape can be added to a target of the other."""
    return broadcast(value, target) == target


def _padded(shape: Shape, rank: int) -> Shape:
    return (ONE,) * (rank - len(shape)) + tuple(shape)


def indexed(shape: Shape, index: Sequence[AxisIndex]) -> Shape:
    """Return the shape of ``x[index]`` for an x of `shape`; an empty index takes all."""
    if not index:
        return shape
    result = []
    for axis, item in zip(shape, index, strict=True):
        if isinstance(item, Slice):
            result.append((item.hi if item.hi is not None else axis) - item.lo)
    return tuple(result)


def apart(one: Place, two: Place, turns: Mapping[str, Dim] = {}) -> bool:
    """Say whether two places of one register, read in one turn, are sure to share no element.

    `turns` has the number of turns of each loop that the places name: turn t is one of 0 to n - 1.
    """
    pairs = zip(one.index, two.index, strict=False)
    return any(_before(a, b, turns) or _before(b, a, turns) or _never_equal(a, b) for a, b in pairs)


def _before(one: AxisIndex, two: AxisIndex, turns: Mapping[str, Dim]) -> bool:
    """Say whether `one` ends where `two` starts, or earlier, on one axis."""
    end = one.position + 1 if isinstance(one, At) else one.hi
    start = two.position if isinstance(two, At) else two.lo
    if end is None:
        return False
    gap = least(start - end, turns)
    return gap is not None and gap >= 0


def _never_equal(one: AxisIndex, two: AxisIndex) -> bool:
    """Say whether two positions differ for any whole numbers, as i and 7 - i do: 2*i is not 7."""
    if not (isinstance(one, At) and isinstance(two, At)):
        return False
    terms = (one.position - two.position).terms
    named = [factor for monomial, factor in terms if monomial]
    rest = sum((factor for monomial, factor in terms if not monomial), Fraction(0))
    if not named or any(factor.denominator != 1 for factor in (*named, rest)):
        return False
    return rest.numerator % gcd(*(factor.numerator for factor in named)) != 0


def least(value: Dim, turns: Mapping[str, Dim] = {}) -> Fraction | None:
    """Return the least that a dim is in any turn of the loops that it names, if that is known."""
    for name in value.names & turns.keys():
        factors = {m: f for m, f in value.terms if name in m}
        if factors.keys() != {(name,)}:
            return None
        last = turns[name] - 1
        value = value.substitute({name: Dim() if factors[(name,)] > 0 else last})
    return value.constant


def common(one: Place, two: Place) -> str:
    """Return where two overlapping places meet, as `` at 2:4``, when that is known."""
    for a, b in zip(one.index, two.index, strict=False):
        if isinstance(a, Slice) and isinstance(b, Slice) and a.hi is not None and b.hi is not None:
            bounds = [dim.integer for dim in (a.lo, b.lo, a.hi, b.hi)]
            if None not in bounds:
                known = [bound for bound in bounds if bound is not None]
                return f" at {max(known[:2])}:{min(known[2:])}"
    return ""
