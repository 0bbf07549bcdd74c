"""What modules hold in Python: attributes that a forward pass changes, and that it had before."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from revc.runtime.nets.capture.held import TORCHS
from revc.runtime.nets.capture.marks import PLAIN, itself

Attribute = tuple[str, str]  # the path of a module in another, and the name of an attribute there

NONE: Any = object()
"""Stands for an attribute that is not there."""


def notes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module and its parts by dotted name, to be compared by `==`.

    Numbers and strings count by value, containers by what is in them, all else by identity.
    """
    return {
        f"{path}.{name}" if path else name: _mark(value)
        for path, part in module.named_modules()
        for name, value in part.__dict__.items()
        if name not in TORCHS
    }


def _mark(value: Any) -> Any:
    if type(value) in (list, tuple, set, deque):
        return [*map(_mark_one, value)]
    if type(value) is dict:
        return [(key, _mark_one(one)) for key, one in value.items()]
    return _mark_one(value)


def _mark_one(value: Any) -> Any:
    return (type(value), repr(value)) if type(value) in PLAIN else itself(value)


def noted(module: nn.Module, before: Mapping[str, Any]) -> list[Attribute]:
    """Return the attributes that differ from `notes` taken before: made, removed, set or filled."""
    after = notes(module)
    names = {*before, *after}
    found = sorted(one for one in names if before.get(one, NONE) != after.get(one, NONE))
    return [(path, name) for path, _, name in (one.rpartition(".") for one in found)]


def value_of(part: nn.Module, name: str) -> Any:
    """Return an attribute as it is now; a container is copied, so that it can be filled."""
    value = part.__dict__.get(name, NONE)
    return value.copy() if type(value) in (list, dict, set, deque) else value


def put(part: nn.Module, name: str, value: Any) -> None:
    """Set an attribute as it was, or take it away."""
    if value is NONE:
        part.__dict__.pop(name, None)
    else:
        part.__dict__[name] = value


@contextmanager
def kept(module: nn.Module) -> Iterator[None]:
    """Give a module back with the attributes that it had."""
    before = notes(module)
    split = [name.rpartition(".") for name in before]
    values = {(path, name): value_of(module.get_submodule(path), name) for path, _, name in split}
    try:
        yield
    finally:
        for path, name in noted(module, before):
            put(module.get_submodule(path), name, values.get((path, name), NONE))
