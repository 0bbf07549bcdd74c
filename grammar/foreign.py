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
    return (
        _double(wrong) or _product(engine, wrong) or _return(wrong) or _keyword(wrong)
        or _text(engine, wrong)
    )  # fmt: skip


_DOUBLE = {
    "//": "a comment starts with `#`, and a quotient is written `/`",
    "/*": "a comment starts with `#`, and ends with its line",
    "**": "there are no powers: multiply",
    "++": "a register grows by `+= 1`",
    "--": "a register shrinks by `-= 1`",
}


def _double(wrong: Wrong) -> Foreign | None:
    """Two marks that are one in another language, as `//` is a comment or a whole quotient."""
    next_one = wrong.ahead[1] if len(wrong.ahead) > 1 else wrong.token
    for first, second in ((wrong.previous, wrong.token), (wrong.token, next_one)):
        mark = first.text + second.text if first and _touch(first, second) else ""
        if first and mark in _DOUBLE:
            return Foreign(first, second, f"there is no `{mark}` in the language", _DOUBLE[mark])
    return None


def _text(engine: Engine, wrong: Wrong) -> Foreign | None:
    """A text in quotes where a declaration or a statement should stand, as Python's docstrings."""
    token = wrong.token
    if token.type not in ("STRING", "BAD_STRING") or not engine.expected() & {"USE", "SWAP"}:
        return None
    message = "a text in quotes says nothing by itself"
    return Foreign(token, token, message, "a comment starts with `#`")


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


def misplaced(engine: Engine, wrong: Wrong) -> str | None:
    """Return how what is in a wrong place, or in another language's form, is written here."""
    token, before = wrong.token, wrong.previous
    then = [one.text for one in wrong.ahead[1:]]
    expected = engine.expected()
    if "USE" in expected and (then[:1] in (["+="], ["-="], ["<-"]) or token.text in _STATEMENTS):
        return "statements stand in the body of a `block` or a `model`"
    if token.text == "." and then and then[0][:1].isdigit():
        return f"write `0.{then[0]}`"
    if token.text == "." and then[1:] == ["("] and before is not None:
        return f"nets are called by their names alone: `{then[0]}({before.text})`"
    if token.text in ("+=", "-=") and "PLUS_EQ" not in expected:
        return "an update is a statement of its own: it has no value"
    if before is not None and before.text == ":" and "UNCALL" in expected:
        return "`alloc` makes a register: `alloc t: [B, c] = 0`"
    return None


_STATEMENTS = frozenset({"let", "emit", "alloc", "free", "swap", "split", "join", "repeat"})


def is_bare_loop(engine: Engine, wrong: Wrong) -> bool:
    """Say whether a statement stands where the braces of a loop's body should begin."""
    starts = wrong.kind == "NAME" and wrong.previous is not None
    same = starts and wrong.previous is not None and wrong.previous.line == wrong.token.line
    return same and {"LBRACE", "SHARE"} <= engine.expected()


def _touch(first: Token, second: Token) -> bool:
    return first.line == second.line and first.end_column == second.column
