"""Places of a text as the protocol counts them: lines from 0, columns in units of UTF-16."""

from dataclasses import dataclass

from revc.grammar.span import Span

_WIDE = 0x10000  # characters from here on are two units


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between characters, as the protocol counts."""

    line: int
    character: int


class Lines:
    """The lines of a text; a line's end is no part of it."""

    def __init__(self, text: str) -> None:
        self._lines = [line.removesuffix("\r") for line in text.split("\n")]

    def position(self, line: int, column: int) -> Position:
        """Return the position of a place that counts from 1; one behind its line is its end."""
        if line > len(self._lines):
            return self.end()
        return Position(line - 1, units(self._lines[line - 1][: column - 1]))

    def place(self, at: Position) -> tuple[int, int]:
        """Return the line and column, from 1, of a position; within a pair it is before the pair.

        Positions behind a line are its end, and those behind the text are the text's.
        """
        if at.line >= len(self._lines):
            return len(self._lines), len(self._lines[-1]) + 1
        line, left = self._lines[at.line], at.character
        for column, character in enumerate(line, 1):
            left -= 1 + (ord(character) >= _WIDE)
            if left < 0:
                return at.line + 1, column
        return at.line + 1, len(line) + 1

    def range(self, span: Span) -> tuple[Position, Position]:
        """Return the two ends of a span."""
        start = self.position(span.line, span.column)
        return start, max(start, self.position(span.end_line, span.end_column))

    def end(self) -> Position:
        """Return the end of the text."""
        return Position(len(self._lines) - 1, units(self._lines[-1]))

    def length(self, line: int) -> int:
        """Return how many characters a line has, counted from 1."""
        return len(self._lines[line - 1])


def units(text: str) -> int:
    """Return how many units of UTF-16 a text takes."""
    return len(text) if text.isascii() else len(text) + sum(ord(c) >= _WIDE for c in text)
