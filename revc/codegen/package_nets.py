"""The nets of an artifact: how each instance is made, as Python code."""

from functools import cache

import torch

from revc.codegen import builtins
from revc.ir.nets import NetSlot


def parameter_names(slot: NetSlot) -> tuple[str, ...]:
    """Return the names of a built-in net's parameters, in the order in which graphs take them."""
    return _names(slot.model_dump_json(exclude={"name"}), slot)


@cache
def _named(key: str) -> dict[str, tuple[str, ...]]:
    return {}


def _names(key: str, slot: NetSlot) -> tuple[str, ...]:
    known = _named(key)
    if key not in known:
        with torch.device("meta"):
            made = builtins.make(slot)
        known[key] = tuple(name.replace(".", "_") for name, _ in made.named_parameters())
    return known[key]
