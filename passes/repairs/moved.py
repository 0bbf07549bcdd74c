"""A `let` that went stale before it was read (L109): the reader moves up, before what changed it.

Where the statements in between neither read nor change what the reader changes, nor change what it
reads, that is what the spec said. Else it is another program, perhaps the one that was meant.
"""

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Fix
from revc.grammar.span import Span
from revc.passes.repairs.source import Body, Source, inner

_MAKING = (
    ast.Alloc, ast.Free, ast.Forget, ast.Split, ast.Join, ast.Put, ast.Draw, ast.Let, ast.NetDecl,
    ast.BlockCall,
)  # fmt: skip
_ORDERED = (ast.Put, ast.Draw, ast.Valve, ast.Scale, ast.Apply, ast.Mix, ast.BlockCall, ast.Emit)
ORDER = "(order)"
"""What statements share that exchange bits, or hand values out: their order counts."""


def moved(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair, None if the two statements are not of one body."""
    home = source.home(finding.span)
    if home is None or not finding.about or not isinstance(finding.about[0], Span):
        return None
    body, reader = home
    changer = next((n for n, one in enumerate(body) if one.span == finding.about[0]), None)
    if changer is None or changer >= reader:
        return None
    between = body[changer:reader]
    used = _reads(body[reader]) | _writes(body[reader])
    if any(used & _made(one) for one in between):
        return None
    lines, place = source.lines(body[reader].span), source.lines(body[changer].span)
    if lines is None or place is None:
        return None
    start = Span(place.file, place.line, 1, place.line, 1)
    edits = (source.edit(start, source.at(lines)), source.edit(lines, ""))
    return Fix(edits, safe=_swap(body[reader], between))


def _swap(reader: ast.Stmt, between: Body) -> bool:
    """Say whether a statement may as well stand before others."""
    mine, read = _writes(reader), _reads(reader)
    return all(
        mine.isdisjoint(_reads(one) | _writes(one)) and read.isdisjoint(_writes(one))
        for one in between
    )


def _reads(statement: ast.Stmt) -> set[str]:
    """Return all names that a statement mentions."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _writes(statement: ast.Stmt) -> set[str]:
    """Return what a statement changes; of calls and moves all that they mention."""
    found = {ORDER for node in ast.walk(statement) if isinstance(node, _ORDERED)}
    one = inner(statement)
    match one:
        case ast.Repeat():
            return found.union(*map(_writes, one.body)) if one.body else found
        case ast.Let() | ast.NetDecl() | ast.Emit():
            return found | {one.name}
        case ast.Update() | ast.Negate() | ast.Residual() | ast.Scale() | ast.Mix() | ast.Apply():
            return found | _base(one.target)
        case ast.Valve():
            return found | _base(one.target)
        case ast.Alloc() | ast.Free() | ast.Forget():
            return found | {name.id for name in one.names}
        case ast.Put() | ast.Draw():
            return found | {one.target.id}
    return found | _reads(one)


def _base(place: ast.Place) -> set[str]:
    name = place.base if isinstance(place, ast.Index) else place
    return {name.id}


def _made(statement: ast.Stmt) -> set[str]:
    """Return the names that a statement may bring in, or take out."""
    one = inner(statement)
    return _writes(one) - {ORDER} if isinstance(one, _MAKING) else set()
