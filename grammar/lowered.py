"""Parts of a text's tree, or of what was made of it, as they are so many lines further down."""

from typing import TypeVar

from revc.grammar import ast
from revc.grammar.record import Record
from revc.grammar.span import Span

Part = TypeVar("Part")
_ATOMS = frozenset((str, int, bool, type(None), float))


def lowered(part: Part, by: int) -> Part:
    """Return a part with all its places `by` lines further down; updates know their `origin`.

    An origin that is a copy itself, and that nobody has asked for, is passed over: so copies of
    copies hold no chain of all texts that there were.
    """

    def down(value: object) -> object:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if isinstance(value, Span):
            return value.down(by)
        if isinstance(value, tuple):
            return tuple([down(one) for one in value])
        if not isinstance(value, Record):
            return value
        copy = value.mapped(down)
        if kind is ast.Update:
            first, far = getattr(value, "origin", (value, 0))
            object.__setattr__(copy, "origin", (first, far + by))
        return copy

    made: Part = down(part)  # type: ignore[assignment]
    return made
