"""What an editor offers at a finding: the repairs that it carries."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.grammar.diagnostics import Diagnostic, Edit
from revc.grammar.span import Span
from revc.lsp.workspace import Document


@dataclass(frozen=True)
class Action:
    """Edits under a title. A `safe` one cannot change what a spec means."""

    title: str
    finding: Diagnostic
    edits: tuple[Edit, ...]
    safe: bool


def actions(document: Document, first: int, last: int) -> list[Action]:
    """Return what is offered for the findings on some lines of a document."""
    return [
        action
        for finding in document.findings
        if finding.span.file == document.file
        and finding.span.line <= last
        and first <= finding.span.end_line
        for action in _repairs(document, finding)
    ]


def _repairs(document: Document, finding: Diagnostic) -> Iterator[Action]:
    fix = finding.fix
    if fix is None or any(not _fits(document, edit) for edit in fix.edits):
        return
    doubt = "" if fix.safe else " (unsafe: may change what the spec means)"
    yield Action(f"{_said(fix.edits)}{doubt}", finding, fix.edits, fix.safe)


def _said(edits: tuple[Edit, ...]) -> str:
    """Return what edits do, in a few words."""
    edit = edits[0]
    if edit.old and edit.new:
        return f"Replace `{edit.old}` by `{edit.new}`"
    text = " ".join((edit.new or edit.old).split())
    return f"Insert `{text}`" if edit.new else f"Remove `{text}`"


def _fits(document: Document, edit: Edit) -> bool:
    """Say whether an edit is of this text, and what it replaces stands there."""
    return edit.span.file == document.file and _text(document, edit.span) == edit.old


def _text(document: Document, at: Span) -> str:
    lines = document.text.split("\n")
    if at.line != at.end_line or not 1 <= at.line <= len(lines):
        return ""
    return lines[at.line - 1][at.column - 1 : at.end_column - 1]
