"""Places: a register, given or let, or a slice of it, with one index entry an axis."""

from math import lcm

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import At, AxisIndex, Place, Slice
from revc.ir.types import RegType, Shape, shape_text
from revc.passes.analysis.ranges import is_negative, is_split_by_turns, lows
from revc.passes.analysis.size_needs import index_needs
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.types import regtype
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch
from revc.passes.rules.s005_odd_split import odd_split


def name_of(node: ast.Name | ast.Index) -> ast.Name:
    """Return the name whose place `node` is."""
    return node.base if isinstance(node, ast.Index) else node


def place(scope: Scope, node: ast.Name | ast.Index, shape: Shape) -> Place:
    """Return the place in something of `shape`; full slices alone count as no index.

    Raises:
        Reported: the index does not fit.
    """
    if isinstance(node, ast.Name):
        return Place(span=node.span, name=node.id)
    items = _spread(scope, node, shape)
    index = tuple(
        _axis(scope, item, axis, node.span) for item, axis in zip(items, shape, strict=True)
    )
    full = all(isinstance(i, Slice) and i.lo == Dim() and i.hi is None for i in index)
    found = Place(span=node.span, name=node.base.id, index=() if full else index)
    if not full:
        _within(scope, found, shape)
    return found


def _spread(scope: Scope, node: ast.Index, shape: Shape) -> list[ast.IndexItem]:
    """Return one item an axis: `..` and missing axes at the end become full slices."""
    dots = [i for i, item in enumerate(node.items) if isinstance(item, ast.Dots)]
    given = len(node.items) - len(dots)
    if len(dots) > 1 or given > len(shape):
        text = f"`{node.base.id}` is {shape_text(shape)}: {given} indices are too many"
        two = f"`{node.base.id}`: one `..` is enough"
        raise scope.findings.reject(mismatch(node.span, two if len(dots) > 1 else text))
    full: list[ast.IndexItem] = [ast.Range(span=node.span, lo=None, hi=None)]
    full *= len(shape) - given
    at = dots[0] if dots else len(node.items)
    return [*node.items[:at], *full, *node.items[at + 1 :]]


def _axis(scope: Scope, item: ast.IndexItem, axis: Dim, span: Span) -> AxisIndex:
    if isinstance(item, ast.At):
        return At(span=item.span, position=_bound(scope, item.value, axis))
    assert isinstance(item, ast.Range)
    lo = _bound(scope, item.lo, axis) if item.lo is not None else Dim()
    hi = _bound(scope, item.hi, axis) if item.hi is not None else None
    return Slice(span=item.span, lo=lo, hi=None if hi == axis else hi)


def _bound(scope: Scope, expr: ast.Expr, axis: Dim) -> Dim:
    """Return a position on an axis; a number below 0 counts from the axis's end.

    What turns or free sizes are in is never counted from the end: it would wrap round where it
    falls below 0.
    """
    value = number(expr, scope.names, scope.findings)
    check_whole(scope, value, expr.span)
    known = value.constant
    return axis + value if known is not None and known < 0 else value


def check_whole(scope: Scope, value: Dim, span: Span) -> None:
    """Check that a size or a position is a whole number, in every turn, as far as that is known.

    Raises:
        Reported: it is not.
    """
    known = value.constant
    if known is not None and known.denominator != 1:
        raise scope.findings.reject(odd_split(known.numerator, known.denominator, span))
    if is_split_by_turns(value, scope.turns):
        below = lcm(*(factor.denominator for _, factor in value.terms))
        raise scope.findings.reject(odd_split(value * below, below, span))


def check_size(scope: Scope, value: Dim, least: int, span: Span) -> None:
    """Check that a size, or a number of turns, is whole and at least `least` in every turn.

    Raises:
        Reported: it is not.
    """
    check_whole(scope, value, span)
    if any(is_negative(low) for low in lows(value - least, scope.turns)):
        raise scope.findings.reject(bad_argument("a size", f"cannot be {value} here", span))


def made_type(scope: Scope, node: ast.Type) -> RegType:
    """Return the type of a register that a statement of this body makes.

    Raises:
        Reported: a dim or a numerics is wrong.
    """
    kind = regtype(node, scope.numerics, scope.names, scope.findings)
    for dim, at in zip(kind.shape, node.dims, strict=True):
        check_size(scope, dim, 1, at.span)
    return kind


def _within(scope: Scope, place: Place, shape: Shape) -> None:
    """Check that an index lies inside, in every turn and at every size.

    Raises:
        Reported: it does not; what depends on free sizes is left to the gate.
    """
    items = zip(place.index, shape, strict=True)
    for item, axis in items:
        one = Place(span=item.span, name=place.name, index=(item,))
        for value, text in index_needs(one, (axis,)):
            if any(is_negative(low) for low in lows(value, scope.turns)):
                raise scope.findings.reject(mismatch(item.span, text))
