"""Places in source text, 1-based, as editors and compilers print them."""

from typing import NamedTuple


class Span(NamedTuple):
    """A half-open stretch of one file: lines and columns count from 1, ``end_column`` is exclusive.

    ``file`` is the path as the user gave it, or ``"<string>"`` for source text.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: "Span") -> "Span":
        """Return the span from the start of this one to the end of `other`."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)

    def down(self, by: int) -> "Span":
        """Return the span so many lines further down."""
        file, line, column, end_line, end_column = self
        return _new(Span, (file, line + by, column, end_line + by, end_column))

    def after(self) -> "Span":
        """Return the empty span just behind this one: where a missing token belongs."""
        return Span(self.file, self.end_line, self.end_column, self.end_line, self.end_column)


_new = tuple.__new__  # an editor's lines move 30,000 places at once, and half of that is `Span(..)`
