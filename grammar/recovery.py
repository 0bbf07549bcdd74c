"""Go on behind wrong syntax, so that one run finds several errors.

In order: close the brackets that a statement left open; insert, replace or drop one token, where
the two tokens behind it then fit; otherwise drop the statement.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from revc.grammar.engine import Engine
from revc.grammar.lexer import BRACKETS, Lexer, Place, Token
from revc.grammar.table import END, table

_OPENERS = ("LPAR", "LSQB", "LBRACE", "_NL")
_INSERTABLE = (
    *("RPAR", "RSQB", "MORETHAN", "COMMA", "EQUAL", "COLON", "ARROW", "AT_MOST"),
    *("BY", "TO", "AS", "ALONG", "IN", "BITS", "INVERSE"),
)
_ITEM_WORDS = frozenset(
    {"USE", "DIM", "STATE", "BLOCK", "MODEL", "BUDGET", "RESERVOIR", "TAPE", "BIJECTION"}
)
_STATEMENT_BOUNDS = ("_NL", END, "LBRACE", "RBRACE")
# What stands in for the broken header of a body, so that the body's statements are read as such.
_IN_BODY = ("REPEAT", "NUMBER")
_AT_TOP = ("BLOCK", "NAME", "LPAR", "RPAR")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A token that does not fit: where the lexer was before and behind it, the tokens around it.

    `previous` is the token before it that the author wrote, None behind a dropped statement.
    """

    token: Token
    kind: str
    before: Place
    after: Place
    previous: Token | None
    ahead: tuple[Token, ...]

    @property
    def ends(self) -> bool:
        """Whether a statement ends here, by this token or by a new line inside brackets."""
        new_line = self.previous is not None and self.token.line > self.previous.line
        return self.kind in ("_NL", "RBRACE", END) or new_line


@dataclass(frozen=True, slots=True)
class Repair:
    """Tokens to push in the wrong one's place, or before it; `expected` are all that would do."""

    push: tuple[Token, ...]
    drops: bool
    expected: tuple[str, ...]


def find_repair(engine: Engine, wrong: Wrong) -> Repair | None:
    """Return the least repair that lets the parse go on, or None."""
    return (
        _close_bodies(engine, wrong)
        or _close_brackets(engine, wrong)
        or _insert(engine, wrong)
        or _replace(engine, wrong)
        or _drop(engine, wrong)
    )


def drop_statement(engine: Engine, lexer: Lexer, wrong: Wrong) -> None:
    """Forget the statement that `wrong` is in; go on behind its line, or in its body."""
    engine.pop_to(engine.list_height())
    in_body = engine.in_body()
    token, before = wrong.token, wrong.before
    stops = ("_NL", END, "LBRACE", "TOO_DEEP", "RBRACE" if in_body else "")
    while token.type not in stops:
        before = lexer.mark()
        token = lexer.next()
    if token.type == "LBRACE":
        for kind in _IN_BODY if in_body else _AT_TOP:
            engine.push(kind, made(kind, token))
    if token.type in ("LBRACE", "RBRACE", "TOO_DEEP"):
        lexer.resume(before, open_now(engine), made("_NL", token))


def open_now(engine: Engine) -> list[str]:
    """Return the open brackets, outermost first, as the lexer wants them."""
    return [token.text for token in engine.open_brackets()]


def made(kind: str, at: Token) -> Token:
    """Return a token that the author did not write, just before `at`."""
    text = {"NAME": "_", "NUMBER": "1"}.get(kind) or _texts().get(kind, "")
    return Token(kind, text, at.line, at.column, at.column)


@cache
def _texts() -> dict[str, str]:
    known = table().marks | table().words
    return {kind: text for text, kind in known.items()}


def _close_bodies(engine: Engine, wrong: Wrong) -> Repair | None:
    """Close all bodies before the end, and before an item's word at the start of a line."""
    if wrong.kind != END and (wrong.kind not in _ITEM_WORDS or wrong.token.column > 1):
        return None
    push: tuple[Token, ...] = ()
    for _ in range(open_now(engine).count("{")):
        push += (made("RBRACE", wrong.token), made("_NL", wrong.token))
        if engine.follow((*push, wrong.token)):
            return Repair(push, False, ("RBRACE",))
    return None


def _close_brackets(engine: Engine, wrong: Wrong) -> Repair | None:
    """Close what a statement left open where it ends."""
    if not wrong.ends:
        return None
    push: list[Token] = []
    for bracket in reversed(engine.open_brackets()):
        if bracket.text == "{":
            break
        push.append(made(table().marks[BRACKETS[bracket.text]], wrong.token))
    end = [made("_NL", wrong.token)] if wrong.kind != "_NL" else []
    if push and engine.follow((*push, *end, *wrong.ahead[:2])):
        return Repair(tuple(push), False, (push[0].type,))
    return None


def _insert(engine: Engine, wrong: Wrong) -> Repair | None:
    """Put a token before the wrong one; an opening bracket or a new line if nothing else does."""
    for kinds in (_INSERTABLE, _OPENERS):
        likely = _made(engine, wrong, kinds)
        fitting = [token for token in likely if engine.follow((token, *wrong.ahead))]
        if fitting:
            return Repair((fitting[0],), False, tuple(token.type for token in fitting))
    return None


def _replace(engine: Engine, wrong: Wrong) -> Repair | None:
    """Take another token for the wrong one; not behind a first name, which may mean anything."""
    if wrong.kind in _STATEMENT_BOUNDS or "PLUS_EQ" in engine.expected():
        return None
    likely = _made(engine, wrong, _INSERTABLE)
    fitting = [token for token in likely if engine.follow((token, *wrong.ahead[1:]))]
    if not fitting:
        return None
    return Repair((fitting[0],), True, tuple(token.type for token in fitting))


def _drop(engine: Engine, wrong: Wrong) -> Repair | None:
    if wrong.kind in _STATEMENT_BOUNDS or not engine.follow(wrong.ahead[1:]):
        return None
    return Repair((), True, ())


def _made(engine: Engine, wrong: Wrong, kinds: Iterable[str]) -> Iterator[Token]:
    expected = engine.expected()
    return (made(kind, wrong.token) for kind in kinds if kind in expected)
