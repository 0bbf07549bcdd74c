"""Every kind of statement and the function that elaborates it; a new kind is one line here."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from revc.grammar import ast
from revc.ir.dims import DimError
from revc.ir.instructions import Instruction
from revc.passes.elaborate.scope.names import beyond
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.report import Reported

Handler = Callable[[Scope, Any, bool], list[Instruction]]


def run(scope: Scope, body: Sequence[ast.Stmt]) -> list[Instruction]:
    """Elaborate statements one after the other.

    A statement that is refused is left out, and the names that it would make are lost.
    """
    steps: list[Instruction] = []
    for statement in body:
        scope.elaboration.at = statement.span
        try:
            steps += step(scope, statement)
        except Reported:
            scope.findings.again()
            _leave_out(scope, statement)
        except DimError as error:
            scope.findings.add(beyond(error, statement.span))
            _leave_out(scope, statement)
    return steps


def _leave_out(scope: Scope, statement: ast.Stmt) -> None:
    scope.elaboration.left_out += 1
    scope.regs.lose(_makes(statement))


def step(scope: Scope, statement: ast.Stmt) -> list[Instruction]:
    """Elaborate one statement, or for `undo` its inverse.

    Raises:
        Reported: it is refused.
    """
    undo = False
    while isinstance(statement, ast.Undo):
        statement, undo = statement.statement, not undo
    return handler(type(statement))(scope, statement, undo)


HANDLERS: dict[type[ast.Node], str] = {
    ast.Update: "statements.updates.update",
    ast.Simultaneous: "statements.simultaneous.simultaneous",
    ast.Residual: "statements.residuals.residual",
    ast.Negate: "statements.updates.negate",
    ast.Scale: "statements.metered.scale",
    ast.Mix: "statements.maps.mix",
    ast.Apply: "statements.maps.apply",
    ast.Swap: "statements.rearrange.swap",
    ast.Split: "statements.rearrange.split",
    ast.Join: "statements.rearrange.join",
    ast.Permute: "statements.rearrange.permute",
    ast.Reshape: "statements.rearrange.reshape",
    ast.Squeeze: "statements.rearrange.squeeze",
    ast.Alloc: "statements.alloc_free.alloc",
    ast.Free: "statements.alloc_free.free",
    ast.Forget: "statements.alloc_free.forget",
    ast.Put: "statements.metered.put",
    ast.Draw: "statements.metered.draw",
    ast.Valve: "statements.metered.valve",
    ast.BlockCall: "statements.block_calls.block_call",
    ast.Repeat: "statements.loops.repeat",
    ast.Let: "statements.alloc_free.let",
    ast.Emit: "statements.alloc_free.emit",
    ast.NetDecl: "nets.declarations.declaration",
}


def handler(kind: type[ast.Node]) -> Handler:
    """Return the function that elaborates a kind of statement; most specs need few of the files."""
    return _imported(HANDLERS[kind])


@cache
def _imported(path: str) -> Handler:
    module, _, function = path.rpartition(".")
    found: Handler = getattr(import_module(f"revc.passes.elaborate.{module}"), function)
    return found


def _makes(statement: ast.Stmt) -> list[str]:
    """Return the names that a refused statement would have made or taken."""
    while isinstance(statement, ast.Undo):
        statement = statement.statement
    match statement:
        case ast.Split():
            return [statement.source.id, *(part.id for part in statement.parts)]
        case ast.Join():
            return [statement.target.id, *(part.id for part in statement.parts)]
        case ast.Alloc() | ast.Free() | ast.Forget():
            return [name.id for name in statement.names]
        case ast.Draw() | ast.Put() | ast.Reshape() | ast.Permute() | ast.Squeeze():
            return [statement.target.id]
        case ast.Let():
            return [statement.name]
    return []
