"""What a module's code reads that is neither in the module nor given to it.

Attributes of its class, and what its methods find by name where they were defined: constants,
helpers and what these read. It is read from their code objects, once for each class.
"""

import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from torch import nn

from revc.runtime.nets.capture.marks import PLAIN, Marks, itself
from revc.runtime.nets.capture.refusal import Refusal

Place = tuple[Any, str]  # a namespace, or a cell of a closure, and a name in it

_THEIRS = frozenset({"torch", "numpy", "typing_extensions", *sys.stdlib_module_names})
"""Packages whose code does what it does whatever a user sets."""

_places: "weakref.WeakKeyDictionary[Any, tuple[Place, ...]]" = weakref.WeakKeyDictionary()
_NONE = object()


def places(subject: type[nn.Module] | FunctionType) -> tuple[Place, ...]:
    """Return where the code of a class of modules, or of a function, reads."""
    if subject not in _places:
        search = _Search()
        found = search.of(subject) if isinstance(subject, type) else search.of_function(subject)
        _places[subject] = tuple(found)
    return _places[subject]


def readers(parts: Sequence[nn.Module]) -> dict[type[nn.Module] | FunctionType, None]:
    """Return the classes of modules, and the functions that these have as attributes."""
    found: dict[type[nn.Module] | FunctionType, None] = dict.fromkeys(map(type, parts))
    for part in parts:
        for value in part.__dict__.values():
            if type(value) not in PLAIN and callable(value):
                found |= dict.fromkeys(functions(value))
    return found


class Reads(NamedTuple):
    """What the code of modules reads: where, what stands there, and the objects looked into.

    `marks` has names and marks, to be compared by `==`.
    """

    places: tuple[Place, ...]
    marks: list[tuple[str, Any]]
    met: list[object]


def reads(parts: Sequence[nn.Module]) -> Reads:
    """Return what the code of modules reads now."""
    found = tuple(place for subject in readers(parts) for place in places(subject))
    met: list[object] = []
    marks = [(name, _mark(value_at(space, name), met)) for space, name in found]
    return Reads(found, marks, met)


def value_at(space: Any, name: str) -> Any:
    """Return what stands in a place now; an object of ours where nothing does."""
    return getattr(space, name, _NONE) if isinstance(space, CellType) else space.get(name, _NONE)


def _mark(value: Any, met: list[object]) -> Any:
    """Numbers and containers count by value; what functions read has places of its own."""
    if type(value) not in (*PLAIN, list, tuple, dict, set, frozenset):
        return itself(value)
    marks = Marks()
    try:
        mark = marks.of(value)
    except Refusal:  # a table, which nobody sets
        return itself(value)
    met += marks.met
    return mark


class _Search:
    """A search through the methods of a class and the functions that they find by name."""

    def __init__(self) -> None:
        self._known: set[Any] = set()

    def of(self, kind: type[nn.Module]) -> Iterator[Place]:
        for one in kind.__mro__:
            if one is not nn.Module and not is_theirs(one):
                yield from self._all(vars(one), vars(one).keys())

    def _all(self, space: Mapping[str, Any], names: Iterable[str]) -> Iterator[Place]:
        """Yield where values stand under some names of a namespace, and what these read."""
        for name in names:
            value = space[name]
            if (id(space), name) in self._known or name.startswith("__"):
                continue
            self._known.add((id(space), name))
            if not isinstance(value, ModuleType):
                yield space, name
            for function in functions(value):
                yield from self.of_function(function)

    def of_function(self, function: FunctionType) -> Iterator[Place]:
        """Yield where a function reads: by the names in its code, in its module and in others."""
        if function.__code__ in self._known or is_theirs(function):
            return
        self._known.add(function.__code__)
        names = {name for code in _codes(function.__code__) for name in code.co_names}
        if not names.isdisjoint(("environ", "getenv")):
            yield vars(os.environ), "_data"  # the dict itself, which is compared by value
        for cell in function.__closure__ or ():
            yield cell, "cell_contents"
            for inner in functions(getattr(cell, "cell_contents", None)):
                yield from self.of_function(inner)
        space = function.__globals__
        yield from self._all(space, sorted(names & space.keys()))
        for name in sorted(names & space.keys()):
            value = space[name]
            if isinstance(value, ModuleType) and not is_theirs(value):
                yield from self._all(vars(value), sorted(names & vars(value).keys()))


def functions(value: Any) -> Iterator[FunctionType]:
    """Yield the functions that an attribute of a class, or a name, stands for."""
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", value)  # of static methods, class methods and bound ones
    value = getattr(value, "func", value) if isinstance(value, partial) else value
    if isinstance(value, FunctionType):
        yield value


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those within it: of lambdas, comprehensions, inner functions."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def is_theirs(value: Any) -> bool:
    """Say whether a module, class or function is torch's, or a like package's."""
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    return (name or "").partition(".")[0] in _THEIRS
