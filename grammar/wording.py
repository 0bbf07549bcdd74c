"""Put a syntax finding into words, from the tables of messages.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from difflib import get_close_matches
from functools import cache

from revc.grammar.diagnostics import Diagnostic, syntax_error
from revc.grammar.engine import Engine
from revc.grammar.foreign import foreign, is_bare_loop, misplaced
from revc.grammar.habits import WORDS, character_help, number_help
from revc.grammar.lexer import BRACKETS, MAX_DIGITS, Token
from revc.grammar.messages import FORMS, TOKENS
from revc.grammar.recovery import Repair, Wrong
from revc.grammar.span import Span
from revc.grammar.table import table

_OPERATORS = frozenset({"PLUS", "MINUS", "STAR", "SLASH"})
_SUFFIXES = frozenset({"LPAR", "LSQB"})
_VALUES = frozenset({"NAME", "NUMBER", "STRING", "TRUE", "FALSE", "MINUS", "LPAR", "LSQB"})
_OPERAND = frozenset({"NAME", "NUMBER", "LPAR"})
_AFTER_NAME = frozenset({"PLUS_EQ", "MINUS_EQ", "TAKES", "COMMA", "COLON", "LSQB", "LESSTHAN"})
_TYPES = frozenset({"LATTICE", "FLOAT32", "LABEL", "LSQB"})
_METERS = frozenset({"PUT", "DRAW", "NET"})
# Constructs that say little by themselves: what they are part of tells more.
_PARTS = frozenset({"expr", "product", "unary", "call", "axis", "values"})
_CLOSERS = frozenset({"RPAR", "RSQB", "RBRACE", "MORETHAN"})
_ENDS = frozenset({"_NL", "$END"})
_BAD = {
    "BAD_NUMBER": "`{}` is not a number; a product is written with `*`",
    "BIG_NUMBER": "this number has too many digits",
    "BAD_STRING": "this string has no closing quote on its line",
    "BAD_TEXT": "there is no `{}` in the language",
}
_HELP: dict[str, Callable[[str], str | None]] = {
    "BAD_NUMBER": number_help,
    "BIG_NUMBER": lambda _: f"a number has at most {MAX_DIGITS} digits, and is below 1.8e308",
    "BAD_STRING": lambda _: None,
    "BAD_TEXT": character_help,
}


def wrong_text(token: Token) -> tuple[str, ...]:
    """Return the message for a token that is none, then its help; nothing for a good token."""
    if token.type not in _BAD:
        return ()
    shown = token.text if token.text.isprintable() else repr(token.text)[1:-1]
    message, note = _BAD[token.type].format(shown), _HELP[token.type](token.text)
    return (message, note) if note else (message,)


def form(states: Sequence[int]) -> str:
    """Return how the innermost construct that is being read is written."""
    for state in reversed(states):
        kernel = table().kernels[state]
        if _PARTS.isdisjoint(kernel):
            for construct in (name for name in FORMS if name in kernel):
                return FORMS[construct].text
    return FORMS["start"].text


def phrase(expected: Iterable[str]) -> str:
    """Name what could stand here, the likeliest first, at most four things."""
    names = _things(set(expected))[:4]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _things(rest: Set[str]) -> list[str]:
    """Return the names of tokens, those that make up one thing under the name of that thing."""
    found: list[str] = []
    for name, needed, whole in _groups():
        if needed <= rest:
            found.append(name)
            rest -= whole
    rest = _likely(rest)
    words = {kind: f"`{word}`" for word, kind in table().words.items()}
    found += [text for kind, text in TOKENS.items() if kind in rest and kind not in _ENDS]
    found += sorted(words[kind] for kind in rest if kind in words)
    return found or [TOKENS[kind] for kind in sorted(rest)]


@cache
def _groups() -> tuple[tuple[str, frozenset[str], frozenset[str]], ...]:
    """Return things: a name, the tokens that tell that it may come, and all it may begin with."""
    tables = table()
    reserved = frozenset(tables.words[word] for word in tables.reserved)
    return (
        ("an expression", _OPERAND, _VALUES),
        ("a type such as `[B, c]`", frozenset({"LATTICE", "LSQB"}), _TYPES),
        ("numerics", frozenset({"LATTICE"}), _TYPES),
        ("a declaration", frozenset({"USE", "MODEL"}), reserved),
        ("a statement", frozenset({"LET", "SWAP"}), reserved | {"NAME"}),
        ("`put`, `draw`, `net`", _METERS, _METERS),
        ("`+=`, `-=`", frozenset({"PLUS_EQ"}), _AFTER_NAME),
    )


def diagnose(file: str, engine: Engine, wrong: Wrong, repair: Repair | None) -> Diagnostic:
    """Return the S001 for a token that does not fit.

    A token that is missing is reported just behind the one before it, a wrong one where it stands.
    """
    token, before = wrong.token, wrong.previous
    at = Span(file, token.line, token.column, token.line, token.end_column)
    if queer := wrong_text(token):
        return syntax_error(queer[0], at, helps=queer[1:])
    if (other := foreign(engine, wrong)) is not None:
        return syntax_error(other.message, other.span(file), helps=[other.help])
    expected = _expected(engine, repair)
    notes = (
        form(engine.before(min(_likely(expected), key=_rank))),
        *_opened(engine, wrong, repair),
    )
    helps = tuple(_hints(engine, wrong))
    if _closes_nothing(engine, wrong, repair):
        return syntax_error(f"{_shown(wrong)} closes no bracket", at, *notes, helps=helps)
    if before is None or not _missing(wrong, repair):
        text = f"expected {phrase(expected)}, found {_shown(wrong)}"
        return syntax_error(text, at, *notes, helps=helps)
    behind = Span(file, before.line, before.end_column, before.line, before.end_column)
    text = f"expected {phrase(expected)} after `{before.text}`"
    return syntax_error(text, behind, *notes, helps=helps)


def _closes_nothing(engine: Engine, wrong: Wrong, repair: Repair | None) -> bool:
    """Say whether a bracket is closed that is not open."""
    dropped = repair is not None and not repair.push
    return wrong.kind in _CLOSERS and (dropped or not engine.open_brackets())


def _missing(wrong: Wrong, repair: Repair | None) -> bool:
    """Say whether a token is missing behind the one before, rather than this one wrong."""
    if repair and repair.push and not repair.drops:
        return True
    starts = wrong.before.last is None or wrong.before.last.type in ("_NL", "LBRACE")
    return wrong.ends and not starts


def _expected(engine: Engine, repair: Repair | None) -> frozenset[str]:
    """Return what would mend it, unless an operand is missing: then all that could come."""
    expected = engine.expected()
    if repair and repair.push and not expected >= _OPERAND:
        return frozenset(repair.expected)
    return expected


def _likely(expected: Set[str]) -> Set[str]:
    """Leave out what may always follow an operand, where something else may come too."""
    return expected - _OPERATORS - _SUFFIXES or expected


def _rank(kind: str) -> tuple[int, str]:
    """Order tokens by how likely they are meant, as the table of tokens does."""
    order = list(TOKENS)
    return (order.index(kind) if kind in order else len(order), kind)


def _shown(wrong: Wrong) -> str:
    return TOKENS[wrong.kind] if wrong.kind in _ENDS else f"`{wrong.token.text}`"


def _hints(engine: Engine, wrong: Wrong) -> Iterator[str]:
    """Say what may have been meant, where an author of another language would err."""
    before = wrong.previous.text if wrong.previous else ""
    if wrong.kind == "EQUAL" and "PLUS_EQ" in engine.expected():
        yield f"what `{before}` holds would be lost: `{before} += e` adds, `let v = e` names a read"
    habit = WORDS.get(wrong.token.text) or WORDS.get(before)
    if habit:
        yield habit
    elif (other := misplaced(engine, wrong)) is not None:
        yield other
    if is_bare_loop(engine, wrong):
        yield f"the body of a loop stands in braces: `repeat .. {{ {wrong.token.text}.. }}`"
    meant = None if habit else _meant(engine, wrong)
    if meant:
        yield f"did you mean `{meant}`?"


def _meant(engine: Engine, wrong: Wrong) -> str | None:
    """Return the keyword that the wrong word, or the statement's first word, is a slip for."""
    words = table().words
    near: list[str] = []
    if wrong.token.type == "WORD":
        expected = engine.expected()
        known = [word for word, kind in words.items() if kind in expected]
        near = get_close_matches(wrong.token.text.lower(), known, 1)
    if not near and wrong.previous and "PLUS_EQ" in engine.expected():
        near = get_close_matches(wrong.previous.text.lower(), table().reserved, 1)
    return near[0] if near else None


def _opened(engine: Engine, wrong: Wrong, repair: Repair | None) -> Iterator[str]:
    """Say where the bracket was opened that is to be closed, where that is on another line."""
    opened = engine.open_brackets()
    if not (repair and opened and wrong.previous):
        return
    closer = table().marks[BRACKETS[opened[-1].text]]
    if repair.expected[:1] == (closer,) and opened[-1].line != wrong.previous.line:
        yield f"`{opened[-1].text}` was opened on line {opened[-1].line}"
