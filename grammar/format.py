"""Format source: `revc fmt`. Comments stay where they are, as do single empty lines.

A statement with a comment inside its brackets keeps the lines that its author gave it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable

from revc.grammar import ast
from revc.grammar.layout import REV, lay_out
from revc.grammar.parser import parse_or_raise
from revc.grammar.print_stmt import Statement, body_of, heading
from revc.grammar.printer import one_line

Position = tuple[int, int]

_END: Position = (1 << 60, 0)
_EMPTY_LINES = re.compile(r"\n{3,}")
_BRACES = re.compile(r'"[^"\n]*"|#[^\n]*|\{')


def format_source(text: str, file: str = "<string>") -> str:
    """Return `text` in the form of `revc fmt`, which leaves text in that form as it is.

    Raises:
        SpecError: `text` does not parse.
    """
    tree = parse_or_raise(text, file)
    formatter = _Formatter(text, tree.comments)
    formatter.write(tree.items, "", _END)
    return "".join(f"{line}\n" for line in formatter.lines)


class _Formatter:
    """Writes statements in order, and between them the comments that come due."""

    def __init__(self, text: str, comments: tuple[ast.Comment, ...]) -> None:
        self.lines: list[str] = []
        self._source = text.replace("\r\n", "\n").split("\n")
        self._comments = comments
        self._at = [_start(comment) for comment in comments]
        self._braces = _braces(self._source)
        self._due = 0
        self._line = 0
        self._last: ast.Node | None = None

    def write(self, nodes: Iterable[Statement], margin: str, end: Position) -> None:
        """Write statements, and the comments up to `end`, where their body ends."""
        for node in nodes:
            self._write_comments(margin, _start(node))
            self._gap(node)
            self._write_node(node, margin, end)
            self._line, self._last = node.span.end_line, node
        self._write_comments(margin, end)

    def _write_node(self, node: Statement, margin: str, end: Position) -> None:
        body = body_of(node)
        if body is None:
            head = self._head(node, margin, _end(node))
            self.lines.append(margin + head + self._trailing(_end(node), end))
            return
        brace = self._braces[bisect_left(self._braces, _start(node))]
        close = (node.span.end_line, node.span.end_column - 1)
        short = one_line(node, len(margin))
        if short and not self._has_comment(_start(node), close):
            self.lines.append(margin + short + self._trailing(_end(node), end))
            return
        head = self._head(node, margin, brace)
        first = _start(body[0]) if body else close
        self.lines.append(f"{margin}{head} {{" + self._trailing(brace, first))
        self._line, self._last = brace[0], None
        self.write(body, margin + REV.step, close)
        self.lines.append(f"{margin}}}" + self._trailing(_end(node), end))

    def _head(self, node: Statement, margin: str, end: Position) -> str:
        """Return a statement up to `end`, laid out anew unless there is a comment in it."""
        if not self._has_comment(_start(node), end):
            return lay_out(heading(node), len(margin))
        self._due = bisect_left(self._at, end)
        line, column = _start(node)
        lines = self._source[line - 1 : end[0]]
        lines[-1] = lines[-1][: end[1] - 1]
        shift = len(margin) - (column - 1)
        rest = [_shifted(text, shift) for text in lines[1:]]
        kept = "\n".join([lines[0][column - 1 :].rstrip(), *rest])
        return _EMPTY_LINES.sub("\n\n", kept)

    def _has_comment(self, start: Position, end: Position) -> bool:
        return bisect_left(self._at, start) < bisect_left(self._at, end)

    def _trailing(self, start: Position, end: Position) -> str:
        """Return the comment that stands behind `start` on its line, before `end`."""
        if self._due == len(self._at):
            return ""
        at = self._at[self._due]
        if at[0] != start[0] or not start <= at < end:
            return ""
        self._due += 1
        return f"  {self._comments[self._due - 1].text}"

    def _write_comments(self, margin: str, end: Position) -> None:
        """Write the comments that stand before `end`, each on its own line."""
        while self._due < len(self._at) and self._at[self._due] < end:
            comment = self._comments[self._due]
            self._gap(comment)
            self.lines.append(margin + comment.text)
            self._due += 1
            self._line, self._last = comment.span.line, comment

    def _gap(self, node: ast.Node) -> None:
        """Write an empty line where the author has one, and around blocks and models."""
        if self._last is None:
            return
        apart = _is_big(self._last) or (_is_big(node) and not isinstance(self._last, ast.Comment))
        if apart or node.span.line > self._line + 1:
            self.lines.append("")


def _braces(lines: list[str]) -> list[Position]:
    """Return the places of all `{`, leaving out strings and comments."""
    return [
        (number, match.start() + 1)
        for number, line in enumerate(lines, 1)
        for match in _BRACES.finditer(line)
        if match.group() == "{"
    ]


def _start(node: ast.Node) -> Position:
    return node.span.line, node.span.column


def _end(node: ast.Node) -> Position:
    return node.span.end_line, node.span.end_column


def _is_big(node: ast.Node) -> bool:
    return isinstance(node, ast.BlockDecl | ast.ModelDecl)


def _shifted(line: str, shift: int) -> str:
    body = line.strip()
    margin = len(line) - len(line.lstrip()) + shift
    return " " * margin + body if body else ""
