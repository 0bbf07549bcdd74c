"""Repairs that findings carry, made in the text of a spec and printed by the formatter."""

from collections.abc import Iterable, Mapping

from revc.errors import BindError
from revc.grammar.diagnostics import Diagnostic, Edit, SpecError
from revc.grammar.format import format_source
from revc.passes.lint import EVERYTHING, Selection, lint
from revc.passes.repairs.source import offsets
from revc.passes.sources import Text

_MOST_ROUNDS = 50
Place = tuple[int, int]
"""Where a stretch of text begins and ends, in characters."""


def fixed(
    source: Text,
    unsafe: bool = False,
    selection: Selection = EVERYTHING,
    dims: Mapping[str, int] = {},
    defaults: Mapping[str, int] = {},
) -> str:
    """Return a spec's text with all repairs made that its findings carry, those of repairs too.

    With `unsafe` also those that may change what the spec means. Text without repairs comes back as
    it is; any other is in the form of `revc fmt`. Fixing twice is fixing once.
    """
    text = source.text
    for _ in range(_MOST_ROUNDS):
        try:
            now = Text(text, source.file, source.folder)
            found = lint(now, selection, dims, defaults=defaults).findings
            changed = _round(text, source.file, found, unsafe)
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
    taken: dict[Place, str] = {}
    for fix in dict.fromkeys(fixes):
        edits = {place: edit.new for edit in fix.edits if (place := _place(text, file, edit))}
        fitting = len(edits) == len(fix.edits) and not edits.keys() & taken.keys()
        if fitting and not any(_touch(place, other) for place in edits for other in taken):
            taken |= edits
    for place in sorted(taken, reverse=True):
        text = text[: place[0]] + taken[place] + text[place[1] :]
    return format_source(text, file) if taken else text


def _place(text: str, file: str, edit: Edit) -> Place | None:
    """Return where an edit is made, None if it is of another file, or its text stands not there."""
    at, rows = edit.span, text.count("\n") + 1
    if at.file != file or not 1 <= at.line <= at.end_line <= rows:
        return None
    first, last = offsets(text, at)
    return (first, last) if text[first:last] == edit.old else None


def _touch(one: Place, other: Place) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
