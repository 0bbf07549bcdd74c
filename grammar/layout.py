"""Lay out text with brackets: on one line where it fits, else one item a line in the brackets.

Specs, Python code and JSON are laid out here; a `Form` says what differs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """How many columns a line may have, and what is put in front of what brackets hold."""

    width: int
    step: str


REV = Form(120, "  ")


@dataclass(frozen=True, slots=True)
class Doc:
    """Text with brackets in it; `flat` is all of it on one line."""

    parts: tuple["str | Bracket", ...]
    flat: str


@dataclass(frozen=True, slots=True)
class Bracket:
    """Items between brackets.

    With `comma`, one stands behind the last item where each has a line of its own. What is `whole`
    is not taken apart where its items fit on one line between the lines of the brackets.
    """

    opening: str
    items: tuple[Doc, ...]
    closing: str
    comma: bool
    whole: bool
    flat: str


def text(*parts: "str | Doc") -> Doc:
    """Return the parts one behind the other."""
    found: list[str | Bracket] = []
    for part in parts:
        found += part.parts if isinstance(part, Doc) else (part,)
    return Doc(tuple(found), "".join(p if isinstance(p, str) else p.flat for p in parts))


def bracket(
    marks: str, items: Iterable[Doc], comma: bool = True, whole: bool = False, last: str = ""
) -> Doc:
    """Return `items` between the two marks, set apart by commas.

    `last` stands behind the last item where all is on one line; for the others see `Bracket`.
    """
    held = tuple(items)
    flat = marks[0] + ", ".join([item.flat for item in held]) + last + marks[1]
    return Doc((Bracket(marks[0], held, marks[1], comma, whole, flat),), flat)


def listed(items: Iterable[Doc]) -> Doc:
    """Return `items` set apart by commas, outside brackets."""
    parts: list[str | Doc] = []
    for item in items:
        parts += [", ", item] if parts else [item]
    return text(*parts)


def lay_out(doc: Doc, indent: int, form: Form = REV) -> str:
    """Return `doc` as lines, the first of them to stand behind `indent` columns.

    A bracket is broken where what follows it, up to the next bracket, would not fit.
    """
    if indent + len(doc.flat) <= form.width:
        return doc.flat
    done, column = "", indent
    for at, part in enumerate(doc.parts):
        shown = part if isinstance(part, str) else part.flat
        if not isinstance(part, str) and part.items:
            ahead = "".join(_until_bracket(doc.parts[at + 1 :]))
            if column + len(shown) + len(ahead) > form.width:
                shown = _broken(part, indent, form)
        done += shown
        column = len(shown) - shown.rfind("\n") - 1 + (0 if "\n" in shown else column)
    return done


def _until_bracket(parts: tuple[str | Bracket, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        else:
            yield part.opening
            return


def _broken(part: Bracket, indent: int, form: Form) -> str:
    inner = indent + len(form.step)
    lines = list(_lines(part, inner, form))
    margin = "\n" + " " * inner
    return f"{part.opening}{margin}{margin.join(lines)}\n{' ' * indent}{part.closing}"


def _lines(part: Bracket, inner: int, form: Form) -> Iterator[str]:
    """Yield what stands between the lines of the brackets, each behind `inner` columns."""
    flat = ", ".join([item.flat for item in part.items])
    if part.whole and inner + len(flat) <= form.width:
        yield flat
        return
    for item in part.items[:-1]:
        yield lay_out(text(item, ","), inner, form)
    yield lay_out(text(part.items[-1], "," if part.comma else ""), inner, form)
