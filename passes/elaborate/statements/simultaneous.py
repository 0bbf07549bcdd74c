"""`a, b <- e1, e2`: why it is refused, and two states that it would send to one."""

from collections.abc import Sequence

from revc.grammar import ast
from revc.ir.expr import Expr, Place
from revc.ir.instructions import Instruction
from revc.ir.types import RegType
from revc.passes.analysis.doubts import Doubt
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements.collisions import sought, with_lets
from revc.passes.elaborate.statements.updates import check_fits, target
from revc.passes.rules.b203_simultaneous_update import simultaneous as both_read
from revc.passes.rules.b204_angle_reads_rotated import angle_reads, rotated
from revc.passes.rules.s004_shape_mismatch import mismatch


def simultaneous(scope: Scope, node: ast.Simultaneous, undo: bool) -> list[Instruction]:
    """Check the statement, and refuse it (B203, B204), with a collision where one is found.

    Raises:
        Reported: its targets, values or shapes are wrong.
    """
    places = [target(scope, one) for one in node.targets]
    scope.regs.distinct((at.name, at.span) for at, _ in places)
    if len(node.values) != len(node.targets):
        text = f"{len(node.targets)} targets, but {len(node.values)} values"
        raise scope.findings.reject(mismatch(node.span, text))
    values = []
    for expr, (at, kind) in zip(node.values, places, strict=True):
        values.append(with_lets(scope, value(scope, expr, kind.shape)))
        check_fits(scope, expr.span, values[-1], at.name, kind)
    _refuse(scope, node, places, values)
    for at, _ in places:
        scope.regs.change(at.name, node.span, at)
    return []


def _refuse(
    scope: Scope,
    node: ast.Simultaneous,
    places: Sequence[tuple[Place, RegType]],
    values: Sequence[Expr],
) -> None:
    names = [at.name for at, _ in places]
    collision, note, _ = sought(scope, places, values)
    angle = rotated(names, values)
    if angle is not None:
        scope.findings.add(angle_reads(node.span, angle, collision, note))
    else:
        scope.findings.add(both_read(node.span, names, collision, note))
    reason = collision or "the updates read each other's old values"
    scope.doubts.append(Doubt("REFUTED" if collision else "UNKNOWN", reason, node.span))
