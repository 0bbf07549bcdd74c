"""What is known of a document as the protocol's own types."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from lsprotocol import types
from pygls import uris

from revc.grammar.diagnostics import Diagnostic, Edit
from revc.grammar.highlight import Kind, Piece
from revc.grammar.span import Span
from revc.lsp.actions import Action
from revc.lsp.hints import Hint
from revc.lsp.outline import Entry
from revc.lsp.positions import Lines, Position, units
from revc.lsp.workspace import is_path

LEGEND: tuple[str, ...] = tuple(kind for kind in get_args(Kind))
_SEVERITY = {
    "deny": types.DiagnosticSeverity.Error,
    "warn": types.DiagnosticSeverity.Warning,
    "allow": types.DiagnosticSeverity.Information,
}
_NEEDLESS = frozenset({"P703", "Y802", "Y803"})  # findings whose text does nothing: shown faded
_LINE = re.compile(r"\bline (\d+)\b")
_SYMBOLS = {
    "dim": types.SymbolKind.Constant,
    "block": types.SymbolKind.Class,
    "model": types.SymbolKind.Module,
    "net": types.SymbolKind.Function,
    "reservoir": types.SymbolKind.Object,
    "tape": types.SymbolKind.Object,
    "bijection": types.SymbolKind.Function,
    "repeat": types.SymbolKind.Array,
    "call": types.SymbolKind.Method,
    "let": types.SymbolKind.Variable,
    "emit": types.SymbolKind.Event,
    "meter": types.SymbolKind.Field,
}


def uri_of(file: str) -> str:
    """Return the URI of a text by its name: a path, or a URI already."""
    return (uris.from_fs_path(file) or file) if is_path(file) else file


def file_of(uri: str) -> str:
    """Return the name of a text by its URI: its path, or the URI of what is no file."""
    return (uris.to_fs_path(uri) or uri) if uri.startswith("file:") else uri


def position(at: Position) -> types.Position:
    """Return a position."""
    return types.Position(at.line, at.character)


def place(lines: Lines, at: types.Position) -> tuple[int, int]:
    """Return the line and column, from 1, of a position."""
    return lines.place(Position(at.line, at.character))


def range_of(lines: Lines, span: Span) -> types.Range:
    """Return the range of a span in the text that has these lines."""
    start, end = lines.range(span)
    return types.Range(position(start), position(end))


def diagnostic(
    finding: Diagnostic, lines: Lines, page: Callable[[str], Path | None]
) -> types.Diagnostic:
    """Return a finding; `page` gives the file with a rule's page, which its code links to."""
    linked = page(finding.code)
    href = uris.from_fs_path(str(linked)) if linked is not None else None
    helps = (f"help: {line}" for line in finding.helps)
    return types.Diagnostic(
        range=range_of(lines, finding.span),
        message="\n".join((finding.message, *finding.notes, *helps)),
        severity=_SEVERITY[finding.level],
        code=finding.code,
        code_description=types.CodeDescription(href) if href else None,
        source="revc",
        tags=[types.DiagnosticTag.Unnecessary] if finding.code in _NEEDLESS else None,
        related_information=list(_related(finding, lines)) or None,
    )


def _related(finding: Diagnostic, lines: Lines) -> Iterator[types.DiagnosticRelatedInformation]:
    """Yield the lines that a finding speaks of, for an editor to lead to."""
    at = finding.span
    for text in (finding.message, *finding.notes):
        for match in _LINE.finditer(text):
            line = int(match[1])
            if line != at.line:
                there = range_of(lines, Span(at.file, line, 1, line, 1 << 30))
                location = types.Location(uri_of(at.file), there)
                yield types.DiagnosticRelatedInformation(location, text)


def text_edits(lines: Lines, edits: Iterable[Edit]) -> list[types.TextEdit]:
    """Return edits of one text."""
    return [types.TextEdit(range_of(lines, edit.span), edit.new) for edit in edits]


def code_action(
    action: Action, lines: Lines, page: Callable[[str], Path | None]
) -> types.CodeAction:
    """Return a repair; a safe one is preferred."""
    file = action.finding.span.file
    return types.CodeAction(
        title=action.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[diagnostic(action.finding, lines, page)],
        is_preferred=action.safe,
        edit=types.WorkspaceEdit(changes={uri_of(file): text_edits(lines, action.edits)}),
    )


def inlay_hint(hint: Hint, lines: Lines) -> types.InlayHint:
    """Return a hint."""
    shape = hint.text.startswith(":")
    return types.InlayHint(
        position=position(lines.position(hint.line, hint.column)),
        label=hint.text,
        kind=types.InlayHintKind.Type if shape else None,
        tooltip=hint.tip,
        padding_left=not shape,
    )


def symbol(entry: Entry, lines: Lines) -> types.DocumentSymbol:
    """Return an entry of the outline, with what is inside it."""
    whole = range_of(lines, entry.span)
    return types.DocumentSymbol(
        name=entry.name,
        kind=_SYMBOLS[entry.kind],
        range=whole,
        selection_range=types.Range(whole.start, whole.start),
        detail=entry.detail or None,
        children=[symbol(inner, lines) for inner in entry.inside],
    )


def semantic_tokens(pieces: Sequence[Piece], lines: Lines) -> list[int]:
    """Return tokens as the protocol packs them: five numbers each, places as differences."""
    data: list[int] = []
    last = Position(0, 0)
    for piece in pieces:
        at = lines.position(piece.line, piece.column)
        along = at.character - (last.character if at.line == last.line else 0)
        kind = LEGEND.index(piece.kind)
        data += (at.line - last.line, along, units(piece.text), kind, 0)
        last = at
    return data
