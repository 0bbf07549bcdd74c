"""Lay out the Python code of an artifact, in the form that the common formatters keep to."""

from collections.abc import Iterable
from textwrap import wrap

from revc.grammar.layout import Doc, Form, bracket, lay_out, text

PYTHON = Form(100, "    ")
WIDTH, INDENT = PYTHON.width, PYTHON.step


def call(function: str, items: Iterable[Doc]) -> Doc:
    """Return ``function(items)``, whose items stay on one line where they fit."""
    return text(function, bracket("()", items, whole=True))


def tupled(items: Iterable[Doc]) -> Doc:
    """Return ``(items)``, a tuple even of one."""
    held = tuple(items)
    return bracket("()", held, last="," if len(held) == 1 else "")


def listed(items: Iterable[Doc]) -> Doc:
    """Return ``[items]``, a list."""
    return bracket("[]", items)


def statement(left: str, code: Doc, depth: int, right: str = "") -> list[str]:
    """Return the lines of ``left code right``, broken at its brackets where it is too long."""
    margin = INDENT * depth
    return (margin + lay_out(text(left, code, right), len(margin), PYTHON)).split("\n")


def comment(about: str, depth: int) -> list[str]:
    """Return a comment of as many lines as it takes."""
    margin = f"{INDENT * depth}# "
    return wrap(documented(about), WIDTH, initial_indent=margin, subsequent_indent=margin + "  ")


_ESCAPED = {"\\": "\\\\", '"': '\\"'}


def quoted(value: str) -> str:
    """Return a text of any characters as a string literal, which nothing in it can end."""
    return '"' + "".join(_ESCAPED.get(c) or _printable(c) for c in value) + '"'


def documented(about: str) -> str:
    """Return a text as it may stand in a docstring or a comment, which nothing in it can end."""
    shown = "".join(_printable(c) for c in about.replace("\\", "\\\\"))
    return shown.replace('"', "'") if '""' in shown or shown.endswith('"') else shown


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def docstring(about: str, depth: int) -> list[str]:
    """Return a docstring: on one line where it fits, else with its end on a line of its own."""
    about, margin = documented(about), INDENT * depth
    if len(margin) + len(about) + 6 <= WIDTH:
        return [f'{margin}"""{about}"""']
    # Room for the quotes at the end: formatters join a text of one line with them.
    lines = wrap(about, WIDTH - 3, initial_indent=f'{margin}"""', subsequent_indent=margin)
    return [*lines, f'{margin}"""']
