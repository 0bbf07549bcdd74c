"""Shapes: how they broadcast, what an index leaves of them, when two slices are apart."""

from collections.abc import Sequence

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


def apart(one: Place, two: Place) -> bool:
    """Say whether two places of one register are certain to share no element."""
    pairs = zip(one.index, two.index, strict=False)
    return any(_before(a, b) or _before(b, a) for a, b in pairs)


def _before(one: AxisIndex, two: AxisIndex) -> bool:
    """Say whether `one` ends where `two` starts, or earlier, on one axis."""
    end = one.position + 1 if isinstance(one, At) else one.hi
    start = two.position if isinstance(two, At) else two.lo
    if end is None:
        return False
    gap = (start - end).constant
    return gap is not None and gap >= 0


def common(one: Place, two: Place) -> str:
    """Return where two overlapping places meet, as `` at 2:4``, when that is known."""
    for a, b in zip(one.index, two.index, strict=False):
        if isinstance(a, Slice) and isinstance(b, Slice) and a.hi is not None and b.hi is not None:
            bounds = [dim.integer for dim in (a.lo, b.lo, a.hi, b.hi)]
            if None not in bounds:
                known = [bound for bound in bounds if bound is not None]
                return f" at {max(known[:2])}:{min(known[2:])}"
    return ""
