"""What an object holds, as a mark that is equal as long as nothing in it has changed.

A module's code may ask anything of its attributes: numbers, containers of them, the fields of a
configuration, and what lies in those.
"""

import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor

from revc.runtime.nets.capture.refusal import Refusal

_EXACT = frozenset((bool, int, str, bytes, type(None)))
"""Types whose values are equal only where they are the same."""

PLAIN = (bool, int, float, complex, str, bytes, type(None))
"""Types of numbers, strings and flags."""

_BASES = (float, complex, int, str, bytes)
_WHOLE = (type, ModuleType, BuiltinFunctionType, Tensor)
"""What counts as itself: code, and tensors, whose values are looked at elsewhere."""

_HOLDERS = (dict, list, tuple, set, frozenset, deque)

_MOST = 4000
"""Objects that are looked at for one module; more are a data set or a trainer, no settings."""


class Marks:
    """A look at attributes. An object that is met again counts as the one that was met.

    `apart` are objects that are looked at on their own.
    """

    def __init__(self, apart: Iterable[object] = ()) -> None:
        self._met: dict[int, int] = {id(one): -1 for one in apart}
        self._alive: list[object] = []

    def of(self, value: Any) -> Any:
        """Return the mark of a value, to be compared by `==`.

        Raises:
            Refusal: it holds too much to be looked at in each call.
        """
        kind = type(value)
        if kind in _EXACT:
            return kind, value
        for base in _BASES:
            if isinstance(value, base):  # by its form: NaN is NaN, and -0.0 is not 0.0
                return kind, base.__repr__(value)
        if isinstance(value, _WHOLE):
            return itself(value)
        return self._once(kind, value)

    @property
    def met(self) -> Sequence[object]:
        """The objects that were looked into."""
        return self._alive

    def _once(self, kind: type, value: Any) -> Any:
        known = self._met.get(id(value))
        if known is not None:
            return itself(value) if known < 0 else known
        if len(self._met) > _MOST:
            raise Refusal(f"its attributes hold more than {_MOST} objects")
        self._met[id(value)] = len(self._met)
        self._alive.append(value)  # none of the others may get its number
        return kind, *self._inside(kind, value)

    def _inside(self, kind: type, value: Any) -> Iterator[Any]:
        if isinstance(value, torch.device):
            yield str(value)
        elif isinstance(value, MethodType):
            yield itself(value.__func__)
        elif not isinstance(value, (*_HOLDERS, partial)) and kind.__module__ != "numpy":
            yield itself(value)
        yield [self.of(one) for one in contents(value)]


def contents(value: Any) -> list[Any]:
    """Return what an object holds: it is what it was if it holds the same objects as it did.

    The numbers of an array are no objects: what it holds is new each time.
    """
    held: list[Any] = []
    if isinstance(value, dict):
        held = [*value.keys(), *value.values()]
    elif isinstance(value, _HOLDERS):
        held = [*value]
    elif type(value).__module__ == "numpy":
        held = [value.dtype.str, str(value.shape), value.tobytes()]
    elif isinstance(value, FunctionType):  # an empty cell holds nothing
        held = [getattr(cell, "cell_contents", None) for cell in value.__closure__ or ()]
        held.append(value.__defaults__)
    elif isinstance(value, MethodType):
        held = [value.__self__]
    elif isinstance(value, partial):
        held = [value.func, value.args, value.keywords]
    for field in fields(value):
        held += field
    return held


def fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object has by name: in its `__dict__`, and in slots."""
    yield from [*getattr(value, "__dict__", {}).items()]
    kind = type(value)
    if kind not in _slots:
        _slots[kind] = [name for one in kind.__mro__ for name in _slots_of(one)]
    for name in _slots[kind]:
        if hasattr(value, name):
            yield name, getattr(value, name)


_slots: "weakref.WeakKeyDictionary[type, list[str]]" = weakref.WeakKeyDictionary()


def _slots_of(kind: type) -> list[str]:
    names = kind.__dict__.get("__slots__", ())
    return [n for n in ((names,) if isinstance(names, str) else names) if not n.startswith("__")]


class _Itself:
    """An object that equals itself alone, and is not kept alive if that can be helped."""

    __slots__ = ("find",)

    def __init__(self, value: Any) -> None:
        try:
            self.find = weakref.ref(value)
        except TypeError:  # nothing refers to it weakly: another could get its place in memory
            self.find = lambda: value  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        mine = self.find()
        return isinstance(other, _Itself) and mine is not None and mine is other.find()

    __hash__ = None  # type: ignore[assignment]


def itself(value: Any) -> Any:
    """Return the mark of an object whatever it holds."""
    return _Itself(value)
