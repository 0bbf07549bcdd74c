"""What does nothing, taken out: two statements that cancel (P703), an `allow` of nothing (Y803)."""

import re

from revc.grammar.diagnostics import Diagnostic, Fix
from revc.grammar.span import Span
from revc.passes.repairs.source import Source


def pair(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair that takes out a statement and the one before it, which it undoes."""
    home = source.home(finding.span)
    if home is None or home[1] == 0 or len(home[0]) <= 2:
        return None  # a body of none is no body
    body, number = home
    lines = [source.lines(one.span) for one in body[number - 1 : number + 1]]
    whole = [one for one in lines if one is not None]
    if len(whole) != 2:
        return None
    return Fix(tuple(source.edit(one, "") for one in whole), safe=True)


def comment(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair that takes out a comment, if it allows one code alone."""
    text = source.at(finding.span)
    if not re.match(r"#\s*revc:\s*allow\(\w+\)", text):
        return None
    at = finding.span
    before = source.text.split("\n")[at.line - 1][: at.column - 1]
    if before.strip():
        gap = len(before) - len(before.rstrip())
        return Fix((source.edit(_from(at, at.column - gap), ""),), safe=True)
    whole = Span(at.file, at.line, 1, at.line + 1, 1)
    return Fix((source.edit(whole, ""),), safe=True)


def _from(at: Span, column: int) -> Span:
    return Span(at.file, at.line, column, at.end_line, at.end_column)
