"""Repairs that findings carry, made in the text of a spec and printed by the formatter."""

from collections.abc import Iterable, Mapping

from revc.errors import BindError
from revc.grammar.diagnostics import Diagnostic, Edit, SpecError
from revc.grammar.format import format_source
from revc.passes.lint import EVERYTHING, Selection, lint
from revc.passes.sources import Text

_MOST_ROUNDS = 10


def fixed(
    source: Text,
    unsafe: bool = False,
    selection: Selection = EVERYTHING,
    dims: Mapping[str, int] = {},
) -> str:
    """Return a spec's text with all repairs made that its findings carry, those of repairs too.

    With `unsafe` also those that may change what the spec means. Text without repairs comes back as
    it is; any other is in the form of `revc fmt`. Fixing twice is fixing once.
    """
    text = source.text
    for _ in range(_MOST_ROUNDS):
        try:
            findings = lint(Text(text, source.file, source.folder), selection, dims).findings
            changed = _round(text, source.file, findings, unsafe)
        except (SpecError, BindError):
            return text
        if changed == text:
            return text
        text = changed
    return text


def _round(text: str, file: str, findings: Iterable[Diagnostic], unsafe: bool) -> str:
    """Make the repairs of some findings that do not touch one another.

    Raises:
        SpecError: what comes of it does not parse.
    """
    fixes = [one.fix for one in findings if one.fix is not None and (unsafe or one.fix.safe)]
    lines = text.split("\n")
    taken: list[Edit] = []
    for fix in fixes:
        fitting = all(_fits(lines, file, edit) for edit in fix.edits)
        if fitting and not any(_touch(edit, other) for edit in fix.edits for other in taken):
            taken += fix.edits
    if not taken:
        return text
    for edit in sorted(taken, key=lambda edit: (edit.span.line, edit.span.column), reverse=True):
        line, start = lines[edit.span.line - 1], edit.span.column - 1
        lines[edit.span.line - 1] = line[:start] + edit.new + line[edit.span.end_column - 1 :]
    return format_source("\n".join(lines), file)


def _fits(lines: list[str], file: str, edit: Edit) -> bool:
    """Say whether an edit is of this file, within one line, and its text is what stands there."""
    at = edit.span
    if at.file != file or at.line != at.end_line or not 1 <= at.line <= len(lines):
        return False
    return lines[at.line - 1][at.column - 1 : at.end_column - 1] == edit.old


def _touch(one: Edit, other: Edit) -> bool:
    a, b = one.span, other.span
    return a.line == b.line and a.column <= b.end_column and b.column <= a.end_column
