"""Places: a register, given or let, or a slice of it, with one index entry an axis."""

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import At, AxisIndex, Place, Slice
from revc.ir.make import make
from revc.ir.types import Shape, shape_text
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.s004_shape_mismatch import mismatch


def name_of(node: ast.Name | ast.Index) -> ast.Name:
    """Return the name whose place `node` is."""
    return node.base if isinstance(node, ast.Index) else node


def place(scope: Scope, node: ast.Name | ast.Index, shape: Shape) -> Place:
    """Return the place in something of `shape`; full slices alone count as no index.

    Raises:
        Reported: the index does not fit.
    """
    if isinstance(node, ast.Name):
        return make(Place, span=node.span, name=node.id)
    items = _spread(scope, node, shape)
    index = tuple(
        _axis(scope, item, axis, node.span) for item, axis in zip(items, shape, strict=True)
    )
    full = all(isinstance(i, Slice) and i.lo == Dim() and i.hi is None for i in index)
    return make(Place, span=node.span, name=node.base.id, index=() if full else index)


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
        position = _bound(scope, item.value, axis)
        _within(scope, Dim(), position, axis - 1, item.span)
        return make(At, span=item.span, position=position)
    assert isinstance(item, ast.Range)
    lo = _bound(scope, item.lo, axis) if item.lo is not None else Dim()
    hi = _bound(scope, item.hi, axis) if item.hi is not None else None
    _within(scope, Dim(), lo, axis if hi is None else hi, item.span)
    if hi is not None:
        _within(scope, lo, hi, axis, item.span)
    return make(Slice, span=item.span, lo=lo, hi=None if hi == axis else hi)


def _bound(scope: Scope, expr: ast.Expr, axis: Dim) -> Dim:
    """Return a bound of a slice; a negative one counts from the axis's end."""
    value = number(expr, scope.names, scope.findings)
    known = value.constant
    return axis + value if known is not None and known < 0 else value


def _within(scope: Scope, low: Dim, value: Dim, high: Dim, span: Span) -> None:
    for gap in ((value - low).constant, (high - value).constant):
        if gap is not None and gap < 0:
            raise scope.findings.reject(mismatch(span, f"{value} is not within {low}..{high}"))
