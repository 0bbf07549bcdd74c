"""Statements that move state: `swap`, `split`, `join`, `permute`, `reshape`, `squeeze`."""

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.instructions import Instruction, Join, Permute, Reshape, Split, Squeeze, Swap
from revc.ir.types import RegType, Shape, shape_text
from revc.passes.elaborate.scope.names import number, size
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.state_places import check_size
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch
from revc.passes.rules.s005_odd_split import odd_split
from revc.passes.rules.s007_numeric_mix import other_type

Steps = list[Instruction]


def swap(scope: Scope, node: ast.Swap, undo: bool) -> Steps:
    """`swap a, b`, its own inverse."""
    regs = scope.regs
    regs.distinct((name.id, name.span) for name in (node.left, node.right))
    one = regs.target(node.left.id, node.left.span)
    two = regs.target(node.right.id, node.right.span)
    _alike(scope, node.right, two, node.left, one)
    for name in (node.left, node.right):
        regs.change(name.id, node.span)
    return [Swap(span=node.span, left=node.left.id, right=node.right.id)]


def split(scope: Scope, node: ast.Split, undo: bool) -> Steps:
    """`split x -> a, b along i`: equal parts, along the last axis unless it says another."""
    if undo:
        return _join(scope, node.span, node.parts, node.source, node.axis)
    return _split(scope, node.span, node.source, node.parts, node.axis)


def join(scope: Scope, node: ast.Join, undo: bool) -> Steps:
    """`join a, b -> x along i`."""
    if undo:
        return _split(scope, node.span, node.target, node.parts, node.axis)
    return _join(scope, node.span, node.parts, node.target, node.axis)


def _split(
    scope: Scope, span: Span, source: ast.Name, parts: tuple[ast.Name, ...], along: ast.Expr | None
) -> Steps:
    scope.regs.distinct((part.id, part.span) for part in parts)
    whole = scope.regs.target(source.id, source.span)
    axis = _axis(scope, along, whole.shape, span, len(parts))
    width = whole.shape[axis] / len(parts)
    if width.constant is not None and width.integer is None:
        raise scope.findings.reject(odd_split(whole.shape[axis], len(parts), span))
    shape = (*whole.shape[:axis], width, *whole.shape[axis + 1 :])
    kind = RegType(numerics=whole.numerics, shape=shape)
    scope.regs.take(source.id, "split", span)
    for part in parts:
        scope.regs.make(part.id, kind, part.span)
    names = tuple(part.id for part in parts)
    return [Split(span=span, source=source.id, parts=names, axis=axis, type=kind)]


def _join(
    scope: Scope, span: Span, parts: tuple[ast.Name, ...], target: ast.Name, along: ast.Expr | None
) -> Steps:
    scope.regs.distinct((part.id, part.span) for part in parts)
    kinds = [scope.regs.target(part.id, part.span) for part in parts]
    for part, kind in zip(parts[1:], kinds[1:], strict=True):
        _alike(scope, part, kind, parts[0], kinds[0])
    axis = _axis(scope, along, kinds[0].shape, span, len(parts))
    shape = list(kinds[0].shape)
    shape[axis] = shape[axis] * len(parts)
    for part in parts:
        scope.regs.take(part.id, "joined", span)
    whole = RegType(numerics=kinds[0].numerics, shape=tuple(shape))
    scope.regs.make(target.id, whole, target.span)
    names = tuple(part.id for part in parts)
    return [Join(span=span, parts=names, target=target.id, axis=axis, part=kinds[0])]


def _alike(scope: Scope, name: ast.Name, kind: RegType, other: ast.Name, wanted: RegType) -> None:
    says = f"`{name.id}` is {{have}}, but `{other.id}` is {{want}}"
    scope.findings.demand(other_type(kind, wanted, says, name.span))


def _axis(scope: Scope, along: ast.Expr | None, shape: Shape, span: Span, parts: int = 2) -> int:
    """Return the axis that a statement works along, counted from 0; one part is on any axis."""
    if along is None:
        axis: int | None = len(shape) - 1
    else:
        axis = number(along, scope.names, scope.findings).integer
        span = along.span
    if axis is not None and axis < 0:
        axis += len(shape)
    if axis is None or not (parts > 1) <= axis < len(shape):
        text = f"an axis of {shape_text(shape)} from 1 on is needed: axis 0 is the example"
        raise scope.findings.reject(mismatch(span, text))
    return axis


def permute(scope: Scope, node: ast.Permute, undo: bool) -> Steps:
    """`permute x by (0, 2, 1)`."""
    kind = scope.regs.target(node.target.id, node.target.span)
    order = tuple(number(item, scope.names, scope.findings).integer for item in node.order)
    rank = len(kind.shape)
    whole = tuple(axis for axis in order if axis is not None)
    if sorted(whole) != list(range(rank)) or len(order) != rank or whole[0] != 0:
        text = f"the order must hold 0 to {rank - 1} once each, 0 first: axis 0 is the example"
        raise scope.findings.reject(mismatch(node.span, text))
    step = Permute(span=node.span, target=node.target.id, order=whole)
    return [_in_place(scope, step.inverse() if undo else step, node.target)]


def reshape(scope: Scope, node: ast.Reshape, undo: bool) -> Steps:
    """`reshape x to [..]`: as many elements, and the same examples."""
    if undo:
        text = "cannot tell the shape to go back to: write `reshape x to [..]` with that shape"
        raise scope.findings.reject(bad_argument("undo reshape", text, node.span))
    kind = scope.regs.target(node.target.id, node.target.span)
    after = tuple(size(dim, scope.names, scope.findings) for dim in node.dims)
    for dim, at in zip(after, node.dims, strict=True):
        check_size(scope, dim, 1, at.span)
    if _elements(after) != _elements(kind.shape) or after[:1] != kind.shape[:1]:
        text = f"{shape_text(kind.shape)} does not reshape to {shape_text(after)}"
        raise scope.findings.reject(mismatch(node.span, text))
    step = Reshape(span=node.span, target=node.target.id, before=kind.shape, after=after)
    return [_in_place(scope, step, node.target)]


def _elements(shape: Shape) -> Dim:
    total = Dim.of(1)
    for dim in shape:
        total = total * dim
    return total


def squeeze(scope: Scope, node: ast.Squeeze, undo: bool) -> Steps:
    """`squeeze x by 2`: [B, c, H, W] to [B, 4*c, H/2, W/2]."""
    kind = scope.regs.target(node.target.id, node.target.span)
    factor = number(node.factor, scope.names, scope.findings).integer
    if factor is None or factor < 1 or len(kind.shape) != 4:
        text = f"takes a [B, c, H, W] and a whole factor, not {shape_text(kind.shape)}"
        raise scope.findings.reject(bad_argument("squeeze", text, node.span))
    divided = kind.shape[1:2] if undo else kind.shape[2:]
    by = factor * factor if undo else factor
    for dim in divided:
        if dim.integer is not None and dim.integer % by:
            raise scope.findings.reject(odd_split(dim, by, node.span))
    step = Squeeze(span=node.span, target=node.target.id, factor=factor, undo=undo)
    return [_in_place(scope, step, node.target)]


def _in_place(scope: Scope, step: Instruction, target: ast.Name) -> Instruction:
    """Change the type of `target` as `step` says."""
    scope.regs.change(target.id, step.span)
    step.step(scope.regs.live)
    return step
