"""The outline of a file: what it declares, and what its bodies do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.span import Span
from revc.lsp.workspace import Document


@dataclass(frozen=True)
class Entry:
    """One thing of the outline, with what is inside it."""

    name: str
    kind: str
    detail: str
    span: Span
    inside: "tuple[Entry, ...]" = ()


def outline(document: Document) -> tuple[Entry, ...]:
    """Return the outline of a document, as far as it could be read, in its order."""
    spec = document.spec
    items = spec.main.file.items if spec is not None else ()
    return tuple(entry for item in items for entry in _item(item))


def _item(item: ast.Item) -> Iterator[Entry]:
    match item:
        case ast.DimDecl():
            yield from (Entry(entry.name, "dim", "", entry.span) for entry in item.entries)
        case ast.BlockDecl() | ast.ModelDecl():
            held = ", ".join(param.name for param in item.params)
            inside = tuple(_statements(item.body))
            yield Entry(item.name, item.kind, f"({held})", item.span, inside)
        case ast.NetDecl() | ast.ReservoirDecl() | ast.TapeDecl() | ast.BijectionDecl():
            yield Entry(item.name, item.kind, "", item.span)
        case ast.SignatureDecl():
            yield Entry(item.name, "net", "", item.span)


def _statements(body: Sequence[ast.Stmt]) -> Iterator[Entry]:
    """Yield the named things of a body: nets, lets, emits, calls, loops, meters."""
    for node in body:
        match node:
            case ast.Undo():
                yield from _statements((node.statement,))
            case ast.Repeat():
                inside = tuple(_statements(node.body))
                yield Entry(node.label or "repeat", "repeat", "", node.span, inside)
            case ast.BlockCall():
                yield Entry(node.label or node.block, "call", node.block, node.span)
            case ast.NetDecl() | ast.Let() | ast.Emit():
                yield Entry(node.name, node.kind, "", node.span)
            case ast.Put() | ast.Draw() | ast.Valve() | ast.Scale() if node.meter:
                yield Entry(node.meter, "meter", node.kind, node.span)
