"""What each token of a text is, for editors and pages that show specs in colour.

Words are told apart by the parser's table, so `by` is a keyword where it stands for one and a name
where it is one. Text that does not parse is told too, statement by statement: in one that is wrong
all words of the language count as keywords.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from revc.grammar.comments import comments_of
from revc.grammar.engine import Engine
from revc.grammar.lexer import Lexer, Token
from revc.grammar.table import END, table

Kind = Literal[
    "keyword", "type", "number", "string", "operator", "punctuation", "comment", "namespace",
    "class", "function", "parameter", "variable", "error",
]  # fmt: skip

TYPES = frozenset({"LATTICE", "FLOAT32", "LABEL", "QFORMAT"})
"""Words and formats that say how numbers are held."""
OPERATORS = frozenset(
    {"PLUS_EQ", "MINUS_EQ", "TAKES", "ARROW", "AT_MOST", "EQUAL"}
    | {"SLASH", "MINUS", "VBAR", "PLUS", "STAR"}
)
_PLAIN: dict[str, Kind] = {
    **dict.fromkeys(TYPES, "type"), **dict.fromkeys(OPERATORS, "operator"), "NUMBER": "number",
    "STRING": "string", "BIG_NUMBER": "error", "BAD_NUMBER": "error", "BAD_STRING": "error",
    "BAD_TEXT": "error", "TOO_DEEP": "error",
}  # fmt: skip
_MAKES: dict[str, Kind] = {"BLOCK": "class", "MODEL": "class", "NET": "function"}
_ENDS = ("_NL", END)
_OPENS, _CLOSES = ("LPAR", "LESSTHAN"), ("RPAR", "MORETHAN")


@dataclass(frozen=True, slots=True)
class Piece:
    """A token or comment, and what it is; lines and columns count from 1."""

    kind: Kind
    text: str
    line: int
    column: int


def pieces(text: str) -> list[Piece]:
    """Return the tokens and comments of `text` in its order; what is between them is space."""
    found = [_piece(one) for one in _told(text)]
    found += [Piece("comment", c.text, c.span.line, c.span.column) for c in comments_of(text, "")]
    return sorted(found, key=lambda piece: (piece.line, piece.column))


def keywords() -> frozenset[str]:
    """Return the words of the language that are shown as keywords, wherever they are any."""
    return frozenset(word for word, kind in table().words.items() if kind not in TYPES)


@dataclass(frozen=True, slots=True)
class _Told:
    """A token with its terminal, those around it, whether it starts a statement or is inside ()."""

    token: Token
    terminal: str
    before: str
    after: str
    starts: bool
    inside: bool


def _told(text: str) -> Iterator[_Told]:
    statement: list[tuple[Token, str]] = []
    for token, terminal in _terminals(text):
        if terminal in _ENDS or terminal == "LBRACE":
            shown = [*statement, (token, terminal)] if terminal == "LBRACE" else statement
            yield from _in_statement(shown)
            statement = []
        else:
            statement.append((token, terminal))


def _in_statement(shown: Sequence[tuple[Token, str]]) -> Iterator[_Told]:
    terminals = ["", *(terminal for _, terminal in shown), ""]
    starts, depth = True, 0
    for at, (token, terminal) in enumerate(shown):
        before, after = terminals[at], terminals[at + 2]
        yield _Told(token, terminal, before, after, starts, depth > 0)
        depth += (terminal in _OPENS) - (terminal in _CLOSES)
        labelled = terminal == "COLON" and at == 1
        starts = labelled or (starts and terminal in ("UNDO", "UNCALL", "RBRACE"))


def _terminals(text: str) -> Iterator[tuple[Token, str]]:
    """Yield every token with the terminal that it is, those that end statements too."""
    lexer, engine, lost = Lexer(text), Engine(""), False
    while True:
        token = lexer.next()
        terminal = None if lost else engine.step(token)
        if terminal is None:
            engine.pop_to(engine.list_height())
            lost = token.type != "_NL"
            terminal = table().words.get(token.text, "NAME") if token.type == "WORD" else token.type
        yield token, terminal
        if token.type == END:
            return


def _piece(one: _Told) -> Piece:
    return Piece(_kind(one), one.token.text, one.token.line, one.token.column)


def _kind(one: _Told) -> Kind:
    if one.terminal in _PLAIN:
        return _PLAIN[one.terminal]
    if one.terminal == "NAME":
        return _name(one)
    return "keyword" if one.terminal in table().words.values() else "punctuation"


def _name(one: _Told) -> Kind:
    """Return what a name is, by what stands around it."""
    last = one.before
    if last in _MAKES:
        return _MAKES[last]
    if last == "USE" or "DOT" in (last, one.after):
        return "namespace"
    if one.after in ("LPAR", "LESSTHAN"):
        return "class" if one.starts else "function"
    if one.after == "EQUAL" and one.inside and last in ("LPAR", "COMMA", "LESSTHAN"):
        return "parameter"
    return "variable"
