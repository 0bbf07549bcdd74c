"""What a module's code may ask of it, as questions that a compiler can trace, and so guards.

Each is a key in a container, its length, a slot of an object, or what a closure's cell holds. The
compiler finds the containers themselves here: it cannot trace how some objects look up theirs.
"""

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import islice
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from torch import Tensor, nn

from revc.runtime.nets.capture.held import TORCHS
from revc.runtime.nets.capture.marks import PLAIN, fields
from revc.runtime.nets.capture.reads import places, readers, value_at

_DEEP = 4
_MOST = 256
_CONTAINERS = (list, tuple, dict, deque)


class Question(NamedTuple):
    """What stood in a place: a number, a string, a flag, a length, or the number of a space.

    Attributes:
        space: the number of a container, an object or a cell.
        read: by "key", "attribute", "cell" or "length"; "tied": what stands elsewhere too.
        name: the key, or what stands for it.
        value: what was there; by "tied", the number of the other space, and the key there.
        same: whether `value` is the number of the space that stood there.
    """

    space: int
    read: str
    name: Any
    value: Any
    same: bool = False


class Spaces:
    """Containers by the key of a net: a compiler looks up an attribute when it asks for it."""


SPACES = Spaces()
"""Those of all models that live."""


def questions(key: str, module: nn.Module) -> tuple[Question, ...]:
    """Return what to ask, and put where to ask it into `SPACES` under a key."""
    search = _Search()
    parts = [*module.modules()]
    for part in parts:
        search.parts(part)
    for part in parts:
        search.rows(part.__dict__, part)
    search.tied(parts)
    for subject in readers(parts):
        for space, name in places(subject):
            value = value_at(space, name)
            if type(value) in (*PLAIN, *_CONTAINERS, FunctionType):
                search.look(space, "cell" if isinstance(space, CellType) else "key", name, value)
    setattr(SPACES, key, search.spaces)
    return tuple(search.found)


def ask(key: str, asked: tuple[Question, ...]) -> bool:
    """Say whether all is as it was; compilers trace this, and guard what they find."""
    spaces, alike = getattr(SPACES, key), True
    for at in range(len(asked)):  # torch 2.11 can neither iterate nor unpack constants
        one = asked[at]
        space, name, value = spaces[one.space], one.name, one.value
        if one.read in ("key", "tied"):
            now = space[name]
        elif one.read == "attribute":
            now = getattr(space, name)
        else:
            now = space.cell_contents if one.read == "cell" else len(space)
        if one.read == "tied":
            is_alike = now is spaces[value[0]][value[1]]
        else:
            is_alike = now is spaces[value] if one.same else now == value
        alike = is_alike and alike
    return alike


class _Search:
    """A walk through containers and objects, to the numbers, strings and flags in them."""

    def __init__(self) -> None:
        self.spaces: list[Any] = []
        self.found: list[Question] = []
        self._numbers: dict[int, int] = {}

    def look(self, space: Any, read: str, name: Any, value: Any, deep: int = _DEEP) -> None:
        """Ask for what stands in a place, and for what is in it."""
        if type(value) in PLAIN:
            self.found.append(Question(self._number(space), read, name, value))
        elif type(value) is FunctionType or (deep and _is_looked_into(value)):
            known = id(value) in self._numbers
            here = self._number(space), read, name, self._number(value), True
            self.found.append(Question(*here))
            if not known and type(value) is not FunctionType:
                self._inside(value, deep - 1)

    def rows(self, rows: dict[str, Any], owner: Any, deep: int = _DEEP) -> None:
        """Ask for the attributes of an object."""
        for name, value in rows.items():
            if name not in TORCHS or not isinstance(owner, nn.Module):
                self.look(rows, "key", name, value, deep)

    def parts(self, module: nn.Module) -> None:
        """Ask which modules are right below one; they are looked into apart."""
        rows = module._modules
        self.found.append(Question(self._number(rows), "length", None, len(rows)))
        for name, child in rows.items():
            self.found.append(Question(self._number(rows), "key", name, self._number(child), True))

    def tied(self, parts: Sequence[nn.Module]) -> None:
        """Ask where a tensor stands that stands elsewhere too; to read it guards the others."""
        first: dict[int, tuple[int, str]] = {}
        for part in parts:
            for rows in (part._parameters, part._buffers, vars(part)):
                for name, value in rows.items():
                    if isinstance(value, Tensor):
                        here = self._number(rows), name
                        other = first.setdefault(id(value), here)
                        if other != here:
                            self.found.append(Question(here[0], "tied", name, other))

    def _inside(self, value: Any, deep: int) -> None:
        if isinstance(value, _CONTAINERS):
            self.found.append(Question(self._number(value), "length", None, len(value)))
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, one in islice(pairs, _MOST):
                self.look(value, "key", key, one, deep)
            return
        rows = getattr(value, "__dict__", {})
        self.rows(rows, value, deep)
        for name, one in fields(value):
            if name not in rows:
                self.look(value, "attribute", name, one, deep)

    def _number(self, space: Any) -> int:
        if id(space) not in self._numbers:
            self._numbers[id(space)] = len(self.spaces)
            self.spaces.append(space)
        return self._numbers[id(space)]


def _is_looked_into(value: Any) -> bool:
    """Say whether a value is a container or an object of somebody's own."""
    if isinstance(value, (*_CONTAINERS, nn.Module)):
        return True
    named = type(value).__module__.partition(".")[0]
    theirs = isinstance(value, Tensor | type | partial | MethodType | ModuleType)
    return not theirs and named not in ("torch", "numpy") and any(True for _ in fields(value))
