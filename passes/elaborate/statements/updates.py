"""Statements that change a register in place: `+=`, `-=`, `negate`."""

from collections.abc import Iterator, Sequence
from typing import Literal

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.expr import Expr, Place
from revc.ir.instructions import Add, Instruction, Negate
from revc.ir.types import Float, Label, Numerics, RegType
from revc.passes.analysis.doubts import Doubt
from revc.passes.analysis.shapes import indexed
from revc.passes.elaborate.expressions import float_state, has_labels, places_read, value
from revc.passes.elaborate.kept_updates import kept_update
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.state_places import name_of, place
from revc.passes.elaborate.statements.dropouts import masked
from revc.passes.rules.b201_self_read import clash, colliding
from revc.passes.rules.s004_shape_mismatch import too_wide
from revc.passes.rules.s007_numeric_mix import numeric_mix

Steps = list[Instruction]


def target(scope: Scope, node: ast.Name | ast.Index) -> tuple[Place, RegType]:
    """Return the place that a statement changes, and the type of what is there.

    Raises:
        Reported: it is not a live register, or the index does not fit.
    """
    name = name_of(node)
    kind = scope.regs.target(name.id, name.span)
    at = place(scope, node, kind.shape)
    return at, RegType(numerics=kind.numerics, shape=indexed(kind.shape, at.index))


def update(scope: Scope, node: ast.Update, undo: bool) -> Steps:
    """`y += e` and `y -= e`."""
    if undo:
        return _update(scope, node, undo)
    return kept_update(scope, node, lambda: _update(scope, node, undo))


def _update(scope: Scope, node: ast.Update, undo: bool) -> Steps:
    at, kind = target(scope, node.target)
    increment = value(scope, node.value, kind.shape)
    check_fits(scope, node.value.span, increment, at.name, kind)
    check_numerics(scope, node.value.span, increment, kind.numerics)
    sign: Literal[1, -1] = 1 if (node.op == "+=") != undo else -1
    for wrong in _own_reads(scope, at, [increment], node.value.span):
        from revc.passes.elaborate.statements.collisions import added, sought  # rarely needed

        whole = sought(scope, [(at, kind)], [added(at, kind, increment, sign)])
        if whole.collision:
            scope.doubts.append(Doubt("REFUTED", whole.collision, node.span))
        note = whole.note if whole.tried else ""  # else there is nothing to say beyond the finding
        raise scope.findings.reject(colliding(wrong, whole.collision, note))
    scope.regs.change(at.name, node.span, at)
    step = Add(span=node.span, target=at, sign=sign, value=increment)
    return masked(scope, step, kind.shape[:1], undo)


def negate(scope: Scope, node: ast.Negate, undo: bool) -> Steps:
    """`negate y`, its own inverse."""
    at, _ = target(scope, node.target)
    scope.regs.change(at.name, node.span, at)
    return [Negate(span=node.span, target=at)]


def check_fits(scope: Scope, span: Span, expr: Expr, name: str, kind: RegType) -> None:
    """Check that a value can be added to `name`, which has type `kind`.

    Raises:
        Reported: it cannot.
    """
    says = f"`{name}` is {{want}} but the value is {{have}}"
    scope.findings.demand(too_wide(expr.shape, kind.shape, says, span))


def check_numerics(scope: Scope, span: Span, expr: Expr, kind: Numerics) -> None:
    """Check that a value's numbers may go into a register of numerics `kind`.

    Raises:
        Reported: labels are used as numbers, or float state goes into a lattice.
    """
    label = has_labels(scope, expr)
    if label is not None and not isinstance(kind, Label):
        text = f"{kind} += label: `{label}` is a name, not a quantity; read it with a net"
        raise scope.findings.reject(numeric_mix(span, text))
    if isinstance(kind, Label) and (label is None and _has_reads(expr)):
        raise scope.findings.reject(
            numeric_mix(span, f"{kind} += number: only labels add to a label")
        )
    check_exact(scope, span, expr, kind, f"{kind} += float state")


def check_exact(
    scope: Scope, span: Span, expr: Expr, kind: Numerics, says: str = "reads float state"
) -> None:
    """Check that no exact register depends on float state, by a net or a `let` either.

    Float state comes back up to rounding only: what is computed from it again is another number.

    Raises:
        Reported: a register of numerics `kind` would.
    """
    found = None if isinstance(kind, Float) else float_state(scope, expr)
    if found is not None:
        name, let = found
        how = f" by `{let}`" if let else ""
        text = f"{says} `{name}`{how}: float state is not exact"
        raise scope.findings.reject(numeric_mix(span, text))


def _has_reads(expr: Expr) -> bool:
    return expr.kind != "number"


def check_apart(scope: Scope, at: Place, values: Sequence[Expr], span: Span) -> None:
    """Check that `values` read nothing of the place that they change.

    Raises:
        Reported: they read it (B201), or a slice that overlaps it (L108).
    """
    for wrong in _own_reads(scope, at, values, span):
        raise scope.findings.reject(wrong)


def _own_reads(scope: Scope, at: Place, values: Sequence[Expr], span: Span) -> Iterator[Diagnostic]:
    """Yield a finding for each read of a place that the values change."""
    for expr in values:
        for read, let in places_read(scope, expr):
            wrong = clash(at, read, span, let, scope.regs.turns)
            if wrong is not None:
                yield wrong
