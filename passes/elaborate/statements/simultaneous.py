"""`a, b <- e1, e2`: why it is refused, and two states that it would send to one."""

from collections.abc import Sequence

from revc.grammar import ast
from revc.ir.expr import Elementwise, Expr, Place, Read, reads, size
from revc.ir.instructions import Instruction
from revc.ir.types import Lattice, RegType
from revc.passes.analysis.closed_form import evaluate, is_closed
from revc.passes.analysis.doubts import Doubt
from revc.passes.analysis.witness import Point, Raw, find_collision
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements.updates import check_fits, target
from revc.passes.rules.b203_simultaneous_update import simultaneous as both_read
from revc.passes.rules.b204_angle_reads_rotated import angle_reads, rotated
from revc.passes.rules.s004_shape_mismatch import mismatch

MOST = 3  # registers that a witness is searched in: the grid grows as a power of it
LONGEST = 1000  # nodes of a value that a witness is searched for
OTHER = 0.5  # what registers hold that the statement reads and does not change


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
    lets = any(read.place.name in scope.regs.lets for value in values for read in reads(value))
    collision = None if lets else _collision(places, values)
    angle = rotated(names, values)
    if angle is not None:
        scope.findings.add(angle_reads(node.span, angle, collision))
    else:
        scope.findings.add(both_read(node.span, names, collision))
    reason = collision or "the updates read each other's old values"
    scope.doubts.append(Doubt("REFUTED" if collision else "UNKNOWN", reason, node.span))


def with_lets(scope: Scope, expr: Expr) -> Expr:
    """Return `expr` with the `let` values that it reads written out, where that is not too long."""
    written = _written(scope, expr, {})
    return written if size(written) <= LONGEST else expr


def _written(scope: Scope, expr: Expr, done: dict[str, Expr]) -> Expr:
    """Write out lets; `done` has those that were, each of which is one node wherever it is read."""
    if isinstance(expr, Read) and not expr.place.index:
        name = expr.place.name
        let = scope.regs.lets.get(name)
        if let is None:
            return expr
        if name not in done:
            done[name] = _written(scope, let.value, done)
        return done[name]
    if isinstance(expr, Elementwise):
        args = tuple(_written(scope, arg, done) for arg in expr.args)
        return expr.model_copy(update={"args": args})
    return expr


def _collision(places: Sequence[tuple[Place, RegType]], values: Sequence[Expr]) -> str | None:
    """Return two lattice states that the update sends to one, as text, if it is a closed form."""
    numerics = [kind.numerics for _, kind in places]
    first = numerics[0]
    whole = all(not at.index for at, _ in places) and len(places) <= MOST
    if not (whole and all(map(is_closed, values)) and isinstance(first, Lattice)):
        return None
    if any(one != first for one in numerics):
        return None
    names = [at.name for at, _ in places]
    others = {r.place.name: OTHER for v in values for r in reads(v) if r.place.name not in names}

    def run(point: Point) -> Point:
        held = {**others, **dict(zip(names, point, strict=True))}
        return tuple(evaluate(expr, held) for expr in values)

    found = find_collision(run, len(names), first.fraction_bits)
    if found is None:
        return None
    one, two, image = (
        _text(raw, first.fraction_bits) for raw in (found.first, found.second, found.image)
    )
    given = "".join(f" (with {name} = {held})" for name, held in others.items())
    return f"{one} and {two} both go to {image}{given}"


def _text(raw: Raw, bits: int) -> str:
    numbers = ", ".join(f"{r / 2**bits:.6g}" for r in raw)
    return f"({numbers}) [raw {', '.join(map(str, raw))}]"
