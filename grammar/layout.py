"""Lay out text with brackets: on one line where it fits, else one item a line in the brackets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WIDTH = 120
INDENT = "  "


@dataclass(frozen=True, slots=True)
class Doc:
    """Text with brackets in it; `flat` is all of it on one line."""

    parts: tuple["str | Bracket", ...]
    flat: str


@dataclass(frozen=True, slots=True)
class Bracket:
    """Items between brackets; with `comma`, one may stand behind the last item."""

    opening: str
    items: tuple[Doc, ...]
    closing: str
    comma: bool
    flat: str


def text(*parts: "str | Doc") -> Doc:
    """Return the parts one behind the other."""
    found: list[str | Bracket] = []
    for part in parts:
        found += part.parts if isinstance(part, Doc) else (part,)
    return Doc(tuple(found), "".join(p if isinstance(p, str) else p.flat for p in parts))


def bracket(marks: str, items: Iterable[Doc], comma: bool = True) -> Doc:
    """Return `items` between the two marks, set apart by commas."""
    held = tuple(items)
    flat = marks[0] + ", ".join([item.flat for item in held]) + marks[1]
    return Doc((Bracket(marks[0], held, marks[1], comma, flat),), flat)


def listed(items: Iterable[Doc]) -> Doc:
    """Return `items` set apart by commas, outside brackets."""
    parts: list[str | Doc] = []
    for item in items:
        parts += [", ", item] if parts else [item]
    return text(*parts)


def lay_out(doc: Doc, indent: int) -> str:
    """Return `doc` as lines, the first of them to stand behind `indent` columns.

    A bracket is broken where what follows it, up to the next bracket, would not fit.
    """
    if indent + len(doc.flat) <= WIDTH:
        return doc.flat
    done, column = "", indent
    for at, part in enumerate(doc.parts):
        shown = part if isinstance(part, str) else part.flat
        if not isinstance(part, str) and part.items:
            ahead = "".join(_until_bracket(doc.parts[at + 1 :]))
            if column + len(shown) + len(ahead) > WIDTH:
                shown = _broken(part, indent)
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


def _broken(part: Bracket, indent: int) -> str:
    inner = indent + len(INDENT)
    margin = "\n" + " " * inner
    body = f",{margin}".join([lay_out(item, inner) for item in part.items])
    comma = "," if part.comma else ""
    return f"{part.opening}{margin}{body}{comma}\n{' ' * indent}{part.closing}"
