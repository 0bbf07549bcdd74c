"""What authors bring from other languages: marks and words that have a form of their own here."""

from typing import NamedTuple

from revc.grammar.engine import Engine
from revc.grammar.lexer import Token
from revc.grammar.recovery import Wrong
from revc.grammar.span import Span


class Foreign(NamedTuple):
    """What is said of text of another language: where it is, what it is, how it is written here."""

    first: Token
    last: Token
    message: str
    help: str

    def span(self, file: str) -> Span:
        """Return the place of it in `file`."""
        return Span(file, self.first.line, self.first.column, self.last.line, self.last.end_column)


def foreign(engine: Engine, wrong: Wrong) -> Foreign | None:
    """Return what to say of a token that does not fit, None where it is of no other language."""
    return _slashes(wrong) or _product(engine, wrong) or _return(wrong) or _keyword(wrong)


def _slashes(wrong: Wrong) -> Foreign | None:
    """`//`, a comment in C, a whole quotient in Python."""
    next_one = wrong.ahead[1] if len(wrong.ahead) > 1 else wrong.token
    for first, second in ((wrong.previous, wrong.token), (wrong.token, next_one)):
        if first and (first.text, second.text) == ("/", "/") and _touch(first, second):
            text = "a comment starts with `#`, and a quotient is written `/`"
            return Foreign(first, second, "there is no `//` in the language", text)
    return None


def _product(engine: Engine, wrong: Wrong) -> Foreign | None:
    """`a *= e` and `a /= e`."""
    mark, then = wrong.token, wrong.ahead[1:2]
    if mark.text not in ("*", "/") or "PLUS_EQ" not in engine.expected() or not wrong.previous:
        return None
    if not then or then[0].text != "=" or not _touch(mark, then[0]):
        return None
    name = wrong.previous.text
    text = f"`scale {name} by 1/2 as m` multiplies by a factor that is not 0"
    return Foreign(mark, then[0], f"there is no `{mark.text}=` in the language", text)


def _return(wrong: Wrong) -> Foreign | None:
    for word in (wrong.previous, wrong.token):
        if word is not None and word.text == "return":
            return Foreign(word, word, "there is no `return` in the language", RETURN)
    return None


RETURN = (
    "leave it out: a body gives back the state that it takes, or what its head says, "
    "`-> (a, b: [B, c])`"
)


def _keyword(wrong: Wrong) -> Foreign | None:
    """`std.net`, which is no name, as `net` is a word of the language."""
    if wrong.token.text != "net" or wrong.previous is None or wrong.previous.text != ".":
        return None
    return Foreign(
        wrong.token, wrong.token, "`net` begins a declaration: it is no name",
        "did you mean `std.nets`, where the built-in nets are?",
    )  # fmt: skip


def is_bare_loop(engine: Engine, wrong: Wrong) -> bool:
    """Say whether a statement stands where the braces of a loop's body should begin."""
    starts = wrong.kind == "NAME" and wrong.previous is not None
    same = starts and wrong.previous is not None and wrong.previous.line == wrong.token.line
    return same and {"LBRACE", "SHARE"} <= engine.expected()


def _touch(first: Token, second: Token) -> bool:
    return first.line == second.line and first.end_column == second.column
