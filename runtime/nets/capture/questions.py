"""What a module's code may ask of it, as questions that a compiler can trace, and so guards.

Each is a key in a container, its length, or the content of a closure's cell. The compiler finds the
containers themselves here, since it cannot trace how some objects look up theirs.
"""

from collections import OrderedDict, deque
from types import CellType, FunctionType, SimpleNamespace
from typing import Any, NamedTuple

from torch import Tensor, nn

from revc.runtime.nets.capture.held import TORCHS
from revc.runtime.nets.capture.marks import PLAIN
from revc.runtime.nets.capture.reads import is_theirs, places, readers, value_at

_DEEP = 3
_MOST = 256


class Question(NamedTuple):
    """What stood in a place: a number, a string, a flag, a length, or the number of a space."""

    space: int
    how: str
    name: Any
    value: Any


class Spaces:
    """Containers by the key of a net: a compiler looks up an attribute when it asks for it."""


SPACES = Spaces()
"""Those of all models that live."""


def questions(key: str, module: nn.Module) -> tuple[Question, ...]:
    """Return what to ask, and put where to ask it into `SPACES` under a key."""
    search = _Search()
    parts = [*module.modules()]
    for part in parts:
        for name, value in part.__dict__.items():
            if name not in TORCHS:
                search.look(part.__dict__, name, value)
    for subject in readers(parts):
        for space, name in places(subject):
            value = value_at(space, name)
            if type(value) in (*PLAIN, *_CONTAINERS, FunctionType):
                search.look(space, name, value)
    setattr(SPACES, key, search.spaces)
    return tuple(search.found)


def ask(key: str, asked: tuple[Question, ...]) -> bool:
    """Say whether all is as it was; compilers trace this, and guard what they find."""
    spaces, same = getattr(SPACES, key), True
    for number, how, name, value in asked:
        space = spaces[number]
        if how == "length":
            now: Any = len(space)
        else:
            now = space.cell_contents if isinstance(space, CellType) else space[name]
        alike = now is spaces[value] if how == "same" else now == value
        same = alike and same
    return same


_CONTAINERS = (list, tuple, dict, OrderedDict, deque)


class _Search:
    """A walk through containers and objects, to the numbers, strings and flags in them."""

    def __init__(self) -> None:
        self.spaces: list[Any] = []
        self.found: list[Question] = []
        self._numbers: dict[int, int] = {}

    def look(self, space: Any, name: Any, value: Any, deep: int = _DEEP) -> None:
        """Ask for what stands in a place, and for what is in it."""
        if type(value) in PLAIN:
            self._ask(space, "equal", name, value)
        elif type(value) is FunctionType:
            self._ask(space, "same", name, self._number(value))
        elif deep and (inside := _inside(value)) is not None:
            known = id(value) in self._numbers
            self._ask(space, "same", name, self._number(value))
            if not known:
                self._ask(inside, "length", name, len(inside))
                own = TORCHS if isinstance(value, nn.Module) else ()
                for key in [*inside] if isinstance(inside, dict) else range(len(inside)):
                    if key not in own:
                        self.look(inside, key, inside[key], deep - 1)

    def _ask(self, space: Any, how: str, name: Any, value: Any) -> None:
        self.found.append(Question(self._number(space), how, name, value))

    def _number(self, space: Any) -> int:
        if id(space) not in self._numbers:
            self._numbers[id(space)] = len(self.spaces)
            self.spaces.append(space)
        return self._numbers[id(space)]


def _inside(value: Any) -> Any:
    """Return the container that a value is or has, None for other values and large ones."""
    found: Any = value
    if type(value) not in _CONTAINERS:
        found = None if _apart(value) else getattr(value, "__dict__", None)
    return found if type(found) in _CONTAINERS and len(found) <= _MOST else None


def _apart(value: Any) -> bool:
    """Say whether an object holds no settings: a tensor, a class, one of a library's own."""
    if isinstance(value, SimpleNamespace | nn.Module):
        return False
    return isinstance(value, Tensor | type) or is_theirs(type(value))
