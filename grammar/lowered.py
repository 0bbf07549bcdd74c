"""Parts of a text's tree, or of what was made of it, as they are so many lines further down.

An editor's new line moves tens of thousands of them, hence the short ways.
"""

from functools import cache
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from revc.grammar import ast
from revc.grammar.record import Record
from revc.grammar.span import Span

Part = TypeVar("Part", bound=Record)

_PLAIN = frozenset((str, int, float, bool, NoneType))


def lowered(part: Part, by: int) -> Part:
    """Return a part with all its places `by` lines further down; updates know their `origin`.

    An origin that is a copy itself, and that nobody has asked for, is passed over: so copies of
    copies hold no chain of all texts that there were.
    """
    kind: Any = type(part)
    values = part.__dict__.copy()
    for name in _not_plain(kind):
        value = values[name]
        if type(value) is Span:
            values[name] = value.down(by)
        elif type(value) is tuple:
            values[name] = _all(value, by)
        elif isinstance(value, Record):
            values[name] = lowered(value, by)
    copy: Part = part.holding(values)
    if kind is ast.Update:
        first, far = getattr(part, "origin", (part, 0))
        object.__setattr__(copy, "origin", (first, far + by))
    return copy


def _all(values: tuple[object, ...], by: int) -> tuple[object, ...]:
    """Return some values with the records among them lowered: all are records, or none is."""
    if not values or not isinstance(values[0], Record):
        return values
    return tuple([lowered(one, by) if isinstance(one, Record) else one for one in values])


@cache
def _not_plain(kind: type[Record]) -> tuple[str, ...]:
    """Return the fields that may hold places, as they say themselves."""
    return tuple(name for name in kind.fields if not _is_plain(kind.annotation(name)))


def _is_plain(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return True
    return (set(get_args(annotation)) or {annotation}) <= _PLAIN
