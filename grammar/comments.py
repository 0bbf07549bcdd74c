"""Find the comments of a file, which the grammar passes over."""

import re

from revc.grammar import ast
from revc.grammar.span import Span

_PARTS = re.compile(r'"[^"\n]*"?|#[^\n]*')


def comments_of(text: str, file: str) -> tuple[ast.Comment, ...]:
    """Return the comments of `text` in order, each with its `#` and without trailing space."""
    found = []
    line, start = 1, 0
    for match in _PARTS.finditer(text):
        if match.group().startswith("#"):
            line += text.count("\n", start, match.start())
            start = max(start, text.rfind("\n", 0, match.start()) + 1)
            found.append(_comment(text, file, match, line, start))
    return tuple(found)


def _comment(text: str, file: str, match: re.Match[str], line: int, start: int) -> ast.Comment:
    body = match.group().rstrip()
    column = match.start() - start + 1
    span = Span(file, line, column, line, column + len(body))
    own = not text[start : match.start()].strip()
    return ast.Comment(span=span, text=body, own_line=own)
