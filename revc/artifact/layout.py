"""Lay out the Python code of an artifact, in the form that the common formatters keep to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True)
class Bracket:
    """``head(items)tail``; `comma` says that one must stand behind a single item."""

    head: str
    items: tuple["Code", ...]
    tail: str = ")"
    comma: bool = False

    @property
    def is_literal(self) -> bool:
        """Whether it is a tuple or a list, which formatters break item by item, and no call."""
        return self.head[-2:-1] in ("", "=", " ")

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.items))
        return f"{self.head}{inside}{',' if self.comma else ''}{self.tail}"


Code = str | Bracket


def call(function: str, items: Iterable[Code]) -> Bracket:
    """Return ``function(items)``."""
    return Bracket(f"{function}(", tuple(items))


def tupled(items: Sequence[Code]) -> Bracket:
    """Return ``(items)``, a tuple even of one."""
    return Bracket("(", tuple(items), ")", comma=len(items) == 1)


def listed(items: Iterable[Code]) -> Bracket:
    """Return ``[items]``."""
    return Bracket("[", tuple(items), "]")


def statement(left: str, code: Code, depth: int, right: str = "") -> list[str]:
    """Return the lines of ``left code right``, broken at its brackets where it is too long."""
    margin = INDENT * depth
    flat = f"{margin}{left}{code}{right}"
    if len(flat) <= WIDTH or isinstance(code, str) or not code.items:
        return [flat]
    inner = ", ".join(map(str, code.items)) + ("," if code.comma else "")
    lines = [f"{margin}{left}{code.head}"]
    whole = not code.comma and not code.is_literal
    if len(inner) + len(margin) + len(INDENT) <= WIDTH and whole:
        lines.append(f"{margin}{INDENT}{inner}")
    else:
        for item in code.items:
            lines += statement("", item, depth + 1, ",")
    return [*lines, f"{margin}{code.tail}{right}"]


def comment(text: str, depth: int) -> list[str]:
    """Return a comment of as many lines as it takes."""
    margin = f"{INDENT * depth}# "
    return wrap(documented(text), WIDTH, initial_indent=margin, subsequent_indent=margin + "  ")


_ESCAPED = {"\\": "\\\\", '"': '\\"'}


def quoted(text: str) -> str:
    """Return a text of any characters as a string literal, which nothing in it can end."""
    return '"' + "".join(_ESCAPED.get(c) or _printable(c) for c in text) + '"'


def documented(text: str) -> str:
    """Return a text as it may stand in a docstring or a comment, which nothing in it can end."""
    shown = "".join(_printable(c) for c in text.replace("\\", "\\\\"))
    return shown.replace('"', "'") if '""' in shown or shown.endswith('"') else shown


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def docstring(text: str, depth: int) -> list[str]:
    """Return a docstring: on one line where it fits, else with its end on a line of its own."""
    text, margin = documented(text), INDENT * depth
    if len(margin) + len(text) + 6 <= WIDTH:
        return [f'{margin}"""{text}"""']
    # Room for the quotes at the end: formatters join a text of one line with them.
    lines = wrap(text, WIDTH - 3, initial_indent=f'{margin}"""', subsequent_indent=margin)
    return [*lines, f'{margin}"""']
