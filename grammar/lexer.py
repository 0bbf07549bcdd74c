"""Cut source text into tokens, and end statements where lines end outside brackets."""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from revc.grammar.table import END, table

MAX_NESTING = 200
MAX_DIGITS = 40
_MOST_SMALL = 300  # of a negative exponent: an exact 1e-30000000 has as many digits
BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLOSERS = frozenset(BRACKETS.values())
_LINES = r"\n(?:[ \t\r\f]*(?:#[^\n]*)?\n)*"
_VALUES = frozenset({"true", "false"})
_UPDATE = re.compile(r"[ \t\r\f]*[A-Za-z_]\w*(?:\[[^\]\n]*\])?\s*(?:\+=|-=|<-)")
_NAMED = re.compile(r"[ \t]*=")
_WORD = re.compile(r"[ \t\r\f]*([a-z]+)\b")


class Token(NamedTuple):
    """One token; it ends on the line it starts on. A word is a WORD until the parser sees it."""

    type: str
    text: str
    line: int
    column: int
    end_column: int


class Place(NamedTuple):
    """Where a lexer is, for going back there."""

    offset: int
    line: int
    line_start: int
    brackets: tuple[str, ...]
    last: Token | None


@cache
def _master() -> re.Pattern[str]:
    """Compile all terminals into one pattern, longest first; ends with those for broken text."""
    patterns, marks = table().patterns, table().marks
    number = patterns["NUMBER"]
    symbols = "|".join(re.escape(m) for m in sorted(marks, key=lambda m: (-len(m), m)))
    parts = [
        ("SPACE", patterns["SPACE"]),
        ("COMMENT", patterns["COMMENT"]),
        ("LINES", _LINES),
        ("QFORMAT", patterns["QFORMAT"] + r"\b"),
        ("WORD", patterns["NAME"]),
        ("NUMBER", f"(?>{number})(?![A-Za-z_0-9])"),
        ("BAD_NUMBER", r"[0-9]+(?:\.[0-9]+)?[A-Za-z_0-9]*"),
        ("STRING", patterns["STRING"]),
        ("BAD_STRING", r'"[^"\n]*'),
        ("MARK", symbols),
        ("BAD_TEXT", r"(?s:.)"),
    ]
    return re.compile("|".join(f"(?P<{name}>{part})" for name, part in parts))


class Lexer:
    """A stream of tokens that can go back, and can be told that a bracket will not be closed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._match = _master().match
        self._offset = 0
        self._line = 1
        self._line_start = 0
        self._brackets: tuple[str, ...] = ()
        self._last: Token | None = None
        self._was: tuple[int, int, int, tuple[str, ...], Token | None] = (0, 1, 0, (), None)

    @property
    def offset(self) -> int:
        """Where in the text the next token is looked for."""
        return self._offset

    @property
    def last(self) -> Token | None:
        """The token that came last."""
        return self._last

    @property
    def starts(self) -> bool:
        """Whether a statement may start here: at the start, behind another, in a new body."""
        return not self._unended()

    @property
    def before(self) -> Place:
        """The place before the last call of `next`."""
        return Place(*self._was)

    def mark(self) -> Place:
        """Return the present place."""
        return Place(self._offset, self._line, self._line_start, self._brackets, self._last)

    def go_back(self, place: Place) -> None:
        """Return to `place`."""
        self._offset, self._line, self._line_start = place.offset, place.line, place.line_start
        self._brackets, self._last = place.brackets, place.last

    def resume(self, place: Place, brackets: Iterable[str], last: Token | None) -> None:
        """Go on from `place` after a repair: with these brackets open, behind token `last`."""
        self.go_back(place)
        self._brackets, self._last = tuple(brackets), last

    def _close_brackets(self) -> None:
        """Give up on brackets still open in this statement."""
        while self._in_bracket():
            self._brackets = self._brackets[:-1]

    def next(self) -> Token:
        """Return the next token; behind the last one come a _NL and then $END for ever."""
        self._was = (self._offset, self._line, self._line_start, self._brackets, self._last)
        while match := self._match(self._text, self._offset):
            kind = match.lastgroup or ""
            if kind in ("SPACE", "COMMENT"):
                self._offset = match.end()
            elif kind == "LINES":
                if self._at_lines(match):
                    return self._end_statement()
            else:
                return self._token(kind, match.group())
        return self._at_end()

    def _at_lines(self, match: re.Match[str]) -> bool:
        """Step over ends of lines; say whether they end a statement."""
        self._offset = match.end()
        self._line += match.group().count("\n")
        self._line_start = match.end()
        if self._in_bracket() and self._starts_statement():
            self._close_brackets()
        return not self._in_bracket() and self._unended()

    def _in_bracket(self) -> bool:
        return bool(self._brackets) and self._brackets[-1] != "{"

    def _unended(self) -> bool:
        return self._last is not None and self._last.type not in ("_NL", "LBRACE")

    def _starts_statement(self) -> bool:
        """Say whether the line can only begin a statement: its bracket was left open."""
        word = _WORD.match(self._text, self._offset)
        if word and word[1] in table().reserved - _VALUES:
            return not _NAMED.match(self._text, word.end())
        return bool(_UPDATE.match(self._text, self._offset))

    def _end_statement(self) -> Token:
        last = self._last
        line, column = (last.line, last.end_column) if last else (1, 1)
        return self._emit(Token("_NL", "", line, column, column))

    def _at_end(self) -> Token:
        self._brackets = ()
        unended = self._unended()
        token = self._end_statement()
        return token if unended else token._replace(type=END)

    def _token(self, kind: str, text: str) -> Token:
        if text == "}" and self._unended():
            self._close_brackets()
            return self._end_statement()
        column = self._offset - self._line_start + 1
        self._offset += len(text)
        if kind == "MARK":
            kind = self._bracket(text)
        elif kind == "WORD" and self._is_argument(text):
            kind = "NAME"
        elif kind in ("NUMBER", "QFORMAT") and _is_huge(text):
            kind = "BIG_NUMBER"
        return self._emit(Token(kind, text, self._line, column, column + len(text)))

    def _bracket(self, text: str) -> str:
        if text in BRACKETS:
            self._brackets = (*self._brackets, text)
        elif text in _CLOSERS and self._brackets and (text == "}") == (self._brackets[-1] == "{"):
            self._brackets = self._brackets[:-1]
        return "TOO_DEEP" if len(self._brackets) > MAX_NESTING else table().marks[text]

    def _is_argument(self, text: str) -> bool:
        """Say whether a reserved word names an argument, as in `F(dim = 2)`."""
        return (
            self._in_bracket()
            and text in table().reserved
            and bool(_NAMED.match(self._text, self._offset))
        )

    def _emit(self, token: Token) -> Token:
        self._last = token
        return token


def _is_huge(text: str) -> bool:
    """Say whether a number has too many digits to be meant, or is beyond what float64 resolves."""
    if len(text) > MAX_DIGITS or float(text.lstrip("Q")) == float("inf"):
        return True
    _, _, exponent = text.lower().partition("e")
    return bool(exponent) and int(exponent) < -_MOST_SMALL
