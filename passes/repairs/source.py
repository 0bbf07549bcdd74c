"""A spec's tree beside its text: where repairs look, and how they say what they change."""

from collections.abc import Iterator
from typing import NamedTuple

from revc.grammar import ast
from revc.grammar.diagnostics import Edit
from revc.grammar.span import Span

Body = tuple[ast.Stmt, ...]


class Source(NamedTuple):
    """A file that parses, and its text."""

    tree: ast.File
    text: str

    def edit(self, span: Span, new: str) -> Edit:
        """Return the edit that puts `new` for what stands at `span`."""
        return Edit(span, self.at(span), new)

    def at(self, span: Span) -> str:
        """Return the text of a span."""
        first, last = offsets(self.text, span)
        return self.text[first:last]

    def bodies(self) -> Iterator[Body]:
        """Yield the bodies of the file, those of loops after those that they are in."""
        waiting = [
            item.body for item in self.tree.items if isinstance(item, ast.BlockDecl | ast.ModelDecl)
        ]
        while waiting:
            body = waiting.pop(0)
            yield body
            waiting += [held.body for one in body if isinstance(held := inner(one), ast.Repeat)]

    def home(self, span: Span) -> tuple[Body, int] | None:
        """Return the innermost body with a statement around a span, and which statement it is."""
        found = None
        for body in self.bodies():
            for number, one in enumerate(body):
                if _within(span, one.span):
                    found = body, number
        return found

    def lines(self, span: Span) -> Span | None:
        """Return the whole lines of a statement, None if something else stands on them.

        A comment behind it is its own.
        """
        rows = self.text.split("\n")
        before = rows[span.line - 1][: span.column - 1]
        after = rows[span.end_line - 1][span.end_column - 1 :].strip()
        if before.strip() or (after and not after.startswith("#")) or span.end_line >= len(rows):
            return None
        return Span(span.file, span.line, 1, span.end_line + 1, 1)

    @property
    def end(self) -> Span:
        """The empty span behind all of the text."""
        rows = self.text.split("\n")
        last = len(rows[-1]) + 1
        return Span(self.tree.span.file, len(rows), last, len(rows), last)


def inner(statement: ast.Stmt) -> ast.Stmt:
    """Return a statement without the words `undo` before it."""
    while isinstance(statement, ast.Undo):
        statement = statement.statement
    return statement


def offsets(text: str, span: Span) -> tuple[int, int]:
    """Return where a span begins and ends in a text, as numbers of characters."""
    rows = text.split("\n")
    starts = [0]
    for row in rows[: max(span.line, span.end_line)]:
        starts.append(starts[-1] + len(row) + 1)
    first = starts[span.line - 1] + span.column - 1
    return first, starts[span.end_line - 1] + span.end_column - 1


def _within(span: Span, around: Span) -> bool:
    first = (around.line, around.column) <= (span.line, span.column)
    return first and (span.end_line, span.end_column) <= (around.end_line, around.end_column)
