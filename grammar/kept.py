"""Statements of a file as it was read before, for an editor that reads it again at each key.

A statement that stands where it stood, and says what it said, is taken from there with all that is
in it: the same node, so what others found out about it holds too. Whatever is not like that is
read. What comes of a text is the same either way.
"""

import re
from dataclasses import dataclass
from typing import Any

from revc.grammar.lexer import Place, Token
from revc.grammar.reader import Reader
from revc.grammar.table import END

_ENDS = re.compile(r"[ \t\r\f]*(?:(?:#[^\n]*)?(?:\n|\Z)|\})")
Key = tuple[int, int, int, str]


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
    """The statements of one file by their line, column, brackets around them, and symbol."""

    def __init__(self) -> None:
        self.statements: dict[Key, Made] = {}


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
        self._kept = kept.statements
        self._open: list[_Open] = []
        self._end = 0

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
        made = self._kept.get(key)
        if made is not None and self._is_there(made, offset):
            self._take(made, before, offset)
            return False
        self._lexer.go_back(before)
        repairs = self._repairs
        over = self._go_on()
        if self._repairs == repairs:
            self._open.append(_Open(len(self._engine.states) - 1, offset, key, first))
        return over

    def _is_there(self, made: Made, offset: int) -> bool:
        """Say whether a statement stands in the text, and ends there."""
        if not self._text.startswith(made.text, offset):
            return False
        return _ENDS.match(self._text, offset + len(made.text)) is not None

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
        self._kept[one.key] = Made(text, one.key[3], one.first, self._previous, node, place, depth)
