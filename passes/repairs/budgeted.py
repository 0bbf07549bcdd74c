"""A meter without a budget (M501): one that what it is of can keep, to be made tighter."""

import math

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Fix
from revc.passes.repairs.source import Source, inner

WIDE = 32  # bits of an element: no value of a lattice or label is worth more, as a rule
GATES = 10  # bits of the finest factor, 1/1024


def budgeted(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair: a budget at the end of the file, or first a name for the meter."""
    home = source.home(finding.span)
    if home is None or len(finding.about) != 3:
        return None
    kind, name, model = finding.about
    statement = inner(home[0][home[1]])
    if name is None:
        return _named(source, statement, str(kind))
    gap = "" if source.text.endswith("\n") else "\n"
    text = f"{gap}budget {_meter(str(kind))}({model}.{name}) <= {_bound(statement)} bits/element\n"
    return Fix((source.edit(source.end, text),))


def _meter(kind: str) -> str:
    return {"valve": "net", "draw": "draw"}.get(kind, "put")


def _bound(statement: ast.Stmt) -> str:
    """Return bits an element: what a factor's range costs, nothing lost by a valve, a word else."""
    match statement:
        case ast.Scale():
            least = _number(statement.lo)
            return f"{math.ceil(-math.log2(least)) if 0 < least < 1 else GATES}"
        case ast.Valve():
            return "0"
    return str(WIDE)


def _number(node: ast.Expr | None) -> float:
    """Return a number that is written out, 0 for any other."""
    match node:
        case ast.Num():
            return float(node.value)
        case ast.Binary(op="/", left=ast.Num() as above, right=ast.Num() as below) if below.value:
            return float(above.value) / float(below.value)
    return 0.0


def _named(source: Source, statement: ast.Stmt, kind: str) -> Fix | None:
    """Return the repair that books a statement under a name that no other has."""
    if isinstance(statement, ast.Scale):
        at = statement.hi if statement.stack is None else None
        place = statement.span if at is not None else None
    else:
        place = statement.by.span if isinstance(statement, ast.Put | ast.Draw | ast.Valve) else None
    if place is None:
        return None
    taken = {getattr(node, "meter", None) for body in source.bodies() for node in map(inner, body)}
    number = next(n for n in range(1, len(taken) + 2) if f"{kind}_{n}" not in taken)
    return Fix((source.edit(place.after(), f" as {kind}_{number}"),))
