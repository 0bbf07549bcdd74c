"""Statements of a file as it was read before, for an editor that reads it again at each key.

A statement that stands where it stood, and says what it said, is taken from there with all that is
in it: the same node, so what others found out about it holds too. One that lines above have moved
is copied to where it stands. Whatever is not like that is read. What comes of a text is the same
either way.
"""

import re
from dataclasses import dataclass
from typing import Any

from revc.grammar.lexer import Place, Token
from revc.grammar.lowered import lowered
from revc.grammar.reader import Reader
from revc.grammar.table import END

_MOST = 8  # statements a line
_DEEP = 30  # levels beyond which a statement is read again rather than copied, which recurses
_ENDS = re.compile(r"[ \t\r\f]*(?:(?:#[^\n]*)?(?:\n|\Z)|\})")
Key = tuple[int, int, int, str]
Look = tuple[str, int, int, str]


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a statement: its text and terminal, its node and where that stands.

    `symbol` is what the grammar calls it, `first` the terminal that it starts with, `last` its last
    token, `depth` how deep it nests.
    """

    text: str
    symbol: str
    first: str
    last: Token
    node: Any
    place: tuple[int, int, int, int]
    depth: int


class Kept:
    """The statements of one file, by where they stand and by how they begin.

    Where a statement stands: its line, its column, the brackets around it, its symbol. How it
    begins: its first line, and all that but its line.
    """

    def __init__(self) -> None:
        self.placed: dict[Key, Made] = {}
        self.looks: dict[Look, Made] = {}
        self._before: dict[Key, Made] = {}
        self._lines = 0
        self._by: tuple[int, ...] = ()

    def begin(self, lines: int) -> None:
        """Begin a text of so many lines: what was placed so far is what the texts before it had.

        Where lines have come or gone at one place, those below stand so much further down, or up.
        """
        self._before, self.placed = self._before | self.placed, {}
        self._by = tuple(dict.fromkeys((0, lines - self._lines)))
        self._lines = lines

    def find(self, key: Key, text: str, offset: int) -> Made | None:
        """Return the statement that stands in a text, as it is there; None if it must be read.

        Args:
            key: where it stands.
            text: the text.
            offset: where in the text it starts.
        """
        for by in self._by:
            made = self._before.get((key[0] - by, *key[1:]))
            if made is not None and _is_there(made, text, offset):
                return self._placed(key, made, by)
        made = self.looks.get(_look(key, text, offset))
        if made is None or not _is_there(made, text, offset):
            return None
        return self._placed(key, made, key[0] - made.place[0])

    def _placed(self, key: Key, made: Made, by: int) -> Made | None:
        """Return what was made of a statement as it is `by` lines further down."""
        if by:
            if made.depth > _DEEP:
                return None
            made = _moved(made, by)
        self.placed[key] = made
        return made

    def keep(self, key: Key, made: Made) -> None:
        """Keep a statement that was read."""
        self.placed[key] = self.looks[_look(key, made.text, 0)] = made

    def trim(self, lines: int) -> None:
        """Forget statements if there are far more than a text of so many lines can hold."""
        if len(self.looks) > _MOST * (lines + 100):
            self.looks = {_look(key, made.text, 0): made for key, made in self.placed.items()}
            self._before = {}


def _look(key: Key, text: str, offset: int) -> Look:
    end = text.find("\n", offset)
    first = text[offset : end if end >= 0 else len(text)]
    return (first, *key[1:])


def _is_there(made: Made, text: str, offset: int) -> bool:
    """Say whether a statement stands in a text, and ends there."""
    if not text.startswith(made.text, offset):
        return False
    return _ENDS.match(text, offset + len(made.text)) is not None


def _moved(made: Made, by: int) -> Made:
    """Return a statement as it is so many lines further down."""
    line, column, end_line, end_column = made.place
    kind, text, at, first, end = made.last
    return Made(
        made.text, made.symbol, made.first, Token(kind, text, at + by, first, end),
        lowered(made.node, by), (line + by, column, end_line + by, end_column), made.depth,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Open:
    """A statement that is being read: how many states there are below it, and how it starts."""

    height: int
    offset: int
    key: Key
    first: str


class KeepingReader(Reader):
    """A reader that takes statements from those that were kept, and keeps those that it reads."""

    def __init__(self, text: str, file: str, kept: Kept) -> None:
        super().__init__(text, file)
        self._text = text
        self._kept = kept
        self._open: list[_Open] = []
        self._end = 0

    def run(self) -> None:
        """Read the text to its end, or until there are too many errors."""
        lines = self._text.count("\n") + 1
        self._kept.begin(lines)
        super().run()
        self._kept.trim(lines)

    def _step(self) -> bool:
        if not self._lexer.starts:
            return self._go_on()
        before = self._lexer.mark()
        token = self._lexer.next()
        offset = self._lexer.offset - len(token.text)
        first = self._engine.kind(token)
        if first in ("RBRACE", "_NL", END):
            self._lexer.go_back(before)
            return self._go_on()
        self._engine.reduce_before(first)
        symbol = "stmt" if self._engine.in_body() else "item"
        key = (token.line, token.column, len(before.brackets), symbol)
        made = self._kept.find(key, self._text, offset)
        if made is not None:
            self._take(made, before, offset)
            return False
        self._lexer.go_back(before)
        repairs = self._repairs
        over = self._go_on()
        if self._repairs == repairs:
            self._open.append(_Open(len(self._engine.states) - 1, offset, key, first))
        return over

    def _take(self, made: Made, before: Place, offset: int) -> None:
        end = offset + len(made.text)
        start = end - made.last.end_column + 1
        place = Place(end, made.last.line, start, before.brackets, made.last)
        self._lexer.go_back(place)
        self._engine.take(made.symbol, made.node, made.place, made.depth)
        self._quiet = False
        self._previous, self._end = made.last, end

    def _go_on(self) -> bool:
        repairs = self._repairs
        over = super()._step()
        if self._repairs != repairs:
            self._open.clear()
        elif self._lexer.starts and not self._in_head():
            self._close()
        else:
            self._end = self._lexer.offset
        return over

    def _in_head(self) -> bool:
        """Say whether the token before was a brace, whose statement goes on in its body."""
        last = self._lexer.last
        return last is not None and last.type == "LBRACE"

    def _close(self) -> None:
        """Keep the statement that has just ended, if it was read from its start."""
        while self._open and len(self._engine.states) < self._open[-1].height + 2:
            self._open.pop()
        if not self._open or len(self._engine.states) != self._open[-1].height + 2:
            return
        one = self._open.pop()
        node, place, depth = self._engine.made(one.height)
        assert self._previous is not None
        text = self._text[one.offset : self._end]
        made = Made(text, one.key[3], one.first, self._previous, node, place, depth)
        self._kept.keep(one.key, made)
