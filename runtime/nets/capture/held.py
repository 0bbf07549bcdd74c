"""The tensors that a module holds, each by its place in the tree, and copies of it with others."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn

from revc.runtime.nets.capture.marks import Marks
from revc.runtime.nets.capture.refusal import Refusal

TORCHS = frozenset(nn.Module().__dict__) - {"training"}
"""Attributes that all modules have."""


class Place(NamedTuple):
    """Where a module holds a tensor: the table of a submodule that it stands in, and its name."""

    path: str
    table: str
    name: str

    @property
    def full(self) -> str:
        """The name with its path, as `named_parameters` has it."""
        return f"{self.path}.{self.name}" if self.path else self.name

    def rows(self, module: nn.Module) -> dict[str, Any]:
        """Return the table in a module."""
        owner = module.get_submodule(self.path)
        found: dict[str, Any] = getattr(owner, self.table) if self.table else owner.__dict__
        return found


def places(module: nn.Module) -> Iterator[tuple[Place, Tensor]]:
    """Yield where a module holds tensors: parameters first, then buffers and plain attributes.

    A tensor that is held twice is yielded twice.
    """
    for table in ("_parameters", "_buffers", ""):
        for path, part in module.named_modules():
            rows = getattr(part, table) if table else part.__dict__
            for name, value in rows.items():
                if isinstance(value, Tensor):
                    yield Place(path, table, name), value


def double(module: nn.Module, instead: Iterable[tuple[Tensor, Tensor]]) -> nn.Module:
    """Return a copy of a module in which other tensors stand for its own.

    A forward pass that notes something on its module then notes it on the copy.

    Raises:
        Refusal: the module cannot be copied.
    """
    memo: dict[int, Any] = {id(own): other for own, other in instead}
    try:
        return copy.deepcopy(module, memo)
    except (TypeError, RuntimeError, AttributeError, NotImplementedError, ValueError) as error:
        raise Refusal(f"it cannot be copied to be traced: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or what it is called."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def notes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module and its parts by dotted name, to be compared by `==`.

    Raises:
        Refusal: they hold too much.
    """
    marks = Marks(module.modules())
    return {
        f"{path}.{name}" if path else name: marks.of(value)
        for path, part in module.named_modules()
        for name, value in part.__dict__.items()
        if name not in TORCHS
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Return the name of an attribute that a call made, removed, changed or set anew."""
    gone = before.keys() ^ after.keys()
    other = [name for name in before.keys() & after.keys() if before[name] != after[name]]
    return min([*gone, *other], default=None)
