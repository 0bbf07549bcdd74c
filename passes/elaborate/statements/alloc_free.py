"""Statements that begin and end registers with a known value, and reads: `alloc` to `emit`."""

from revc.grammar import ast
from revc.ir.instructions import Alloc, Emit, Forget, Free, Instruction, Let
from revc.passes.elaborate.expressions import as_numbers, places_read, value
from revc.passes.elaborate.scope.registers import LetRead
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.state_places import made_type
from revc.passes.elaborate.statements.dropouts import no_dropout
from revc.passes.elaborate.statements.updates import check_fits, check_numerics
from revc.passes.rules.b201_self_read import self_read
from revc.passes.rules.l111_forget_undone import forget_undone
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s009_redefined_name import redefined

Steps = list[Instruction]
MOST_PLACES = 1000  # that a `let` reads, also by other lets


def alloc(scope: Scope, node: ast.Alloc, undo: bool) -> Steps:
    """`alloc a, b: T = e`: one register for each name."""
    kind = made_type(scope, node.type)
    if undo:
        scope.elaboration.checked.add(node.span)
        return _free(scope, ast.Free(
            span=node.span, names=node.names, value=node.value
        ))  # fmt: skip
    start = value(scope, node.value, kind.shape)
    no_dropout(scope, start)
    check_fits(scope, node.value.span, start, node.names[0].id, kind)
    check_numerics(scope, node.value.span, start, kind.numerics)
    scope.regs.distinct((name.id, name.span) for name in node.names)
    steps: Steps = []
    for name in node.names:
        scope.regs.make(name.id, kind, name.span)
        steps.append(Alloc(span=node.span, name=name.id, type=kind, value=start))
    return steps


def free(scope: Scope, node: ast.Free, undo: bool) -> Steps:
    """`free a, b = e`: the value is checked, then the registers end."""
    if undo:
        text = "makes what was freed again, and needs its type"
        help = f"make it by its own statement: `alloc {node.names[0].id}: [..] = ..`"
        raise scope.findings.reject(bad_argument("undo free", text, node.span, help))
    return _free(scope, node)


def _free(scope: Scope, node: ast.Free) -> Steps:
    scope.regs.distinct((name.id, name.span) for name in node.names)
    steps: Steps = []
    for name in node.names:
        kind = scope.regs.target(name.id, name.span)
        end = value(scope, node.value, kind.shape)
        no_dropout(scope, end)
        check_fits(scope, node.value.span, end, name.id, kind)
        check_numerics(scope, node.value.span, end, kind.numerics)
        for place, let in places_read(scope, end):
            if place.name == name.id:
                raise scope.findings.reject(self_read(name.id, node.value.span, let))
        scope.regs.take(name.id, "freed", node.span)
        steps.append(Free(span=node.span, name=name.id, type=kind, value=end))
    return steps


def forget(scope: Scope, node: ast.Forget, undo: bool) -> Steps:
    """`forget a, b`: registers end whatever they hold."""
    if undo:
        raise scope.findings.reject(forget_undone("`undo forget`", node.span))
    scope.regs.distinct((name.id, name.span) for name in node.names)
    steps: Steps = []
    for name in node.names:
        kind = scope.regs.target(name.id, name.span)
        scope.regs.take(name.id, "forgotten", node.span)
        steps.append(Forget(span=node.span, name=name.id, type=kind))
    return steps


def let(scope: Scope, node: ast.Let, undo: bool) -> Steps:
    """`let v = e`: a read with a name."""
    _reads_only(scope, "let", node, undo)
    _new_name(scope, node.name, node)
    read = value(scope, node.value)
    no_dropout(scope, read)
    places = tuple(place for place, _ in places_read(scope, read))
    if len(places) > MOST_PLACES:
        text = f"reads more than {MOST_PLACES} places by the names of others"
        raise scope.findings.reject(bad_argument("let", text, node.span))
    scope.regs.let(node.name, LetRead(read, places, as_numbers(scope, read)))
    return [Let(span=node.span, name=node.name, value=read)]


def emit(scope: Scope, node: ast.Emit, undo: bool) -> Steps:
    """`emit name = e`: a read for the caller."""
    _reads_only(scope, "emit", node, undo)
    scope.emit([node.name], node.span)
    seen = value(scope, node.value)
    no_dropout(scope, seen)
    return [Emit(span=node.span, name=node.name, value=seen)]


def _reads_only(scope: Scope, kind: str, node: ast.Node, undo: bool) -> None:
    if undo:
        text = "changes nothing: there is nothing to undo"
        raise scope.findings.reject(bad_argument(f"undo {kind}", text, node.span))


def _new_name(scope: Scope, name: str, node: ast.Node) -> None:
    regs = scope.regs
    if name in regs.live or name in regs.givens or name in regs.lets:
        raise scope.findings.reject(redefined(name, "a value of this body", node.span))
    if (earlier := scope.visible(name)) is not None:
        raise scope.findings.reject(redefined(name, earlier, node.span))
