"""Values that a module's code may ask of it, as marks that can be compared by `==` later."""

import weakref
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from torch import Tensor, nn

PLAIN = (bool, int, float, complex, str, bytes, type(None))
"""Types whose values are told by value."""

_CONTAINERS = (list, tuple, set, frozenset)
_MOST = 1024
"""Entries of a container that is looked into: longer ones are told by identity and length."""

_DEEP = 4
"""How far one looks into objects and containers that hold others."""


class _Itself:
    """An object that equals itself alone, and is not kept alive."""

    __slots__ = ("ref",)

    def __init__(self, value: Any) -> None:
        self.ref = weakref.ref(value)

    def __eq__(self, other: object) -> bool:
        mine = self.ref()
        return isinstance(other, _Itself) and mine is not None and mine is other.ref()

    __hash__ = None  # type: ignore[assignment]


def mark(value: Any, deep: int = _DEEP, seen: dict[int, Any] | None = None) -> Any:
    """Return what tells a value from others.

    Numbers and strings count by value, containers by what is in them, functions and plain objects
    (a configuration) by what they are and hold, all else by identity. `seen` has the marks of
    objects that several marks share; it is good for as long as nothing else runs.
    """
    kind = type(value)
    if kind in PLAIN:
        return kind, value if value == value else "nan"
    if not deep or isinstance(value, Tensor | nn.Module | type):
        return _itself(value)
    if kind in _CONTAINERS and len(value) <= _MOST:
        return kind, [mark(one, deep - 1, seen) for one in value]
    if kind is dict and len(value) <= _MOST:
        return kind, [*value], [mark(one, deep - 1, seen) for one in value.values()]
    seen = {} if seen is None else seen
    if id(value) not in seen:
        held = _held(value)
        seen[id(value)] = _itself(value), held and mark(held, deep - 1, seen)
    return seen[id(value)]


def _held(value: Any) -> Any:
    """Return what an object holds, as far as it is looked into."""
    kind = type(value)
    if kind is FunctionType:
        return [*map(_content, value.__closure__ or ()), *(value.__defaults__ or ())]
    if kind is MethodType:
        return [value.__func__, value.__self__]
    if kind is partial:
        return [value.func, *value.args, value.keywords]
    if kind in _CONTAINERS or kind is dict:
        return len(value)
    rows = getattr(value, "__dict__", None)
    return rows if type(rows) is dict else None


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing was put there yet
        return None


def _itself(value: Any) -> Any:
    try:
        return _Itself(value)
    except TypeError:  # nothing refers to it weakly: objects with slots, numbers of numpy
        return type(value), id(value)
