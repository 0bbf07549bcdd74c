"""The nets of an artifact: how each instance is made, as Python code."""

import torch

from revc.codegen import builtins
from revc.ir.nets import NetSlot


def parameter_names(slot: NetSlot) -> tuple[str, ...]:
    """Return the names of a built-in net's parameters, in the order in which graphs take them."""
    with torch.device("meta"):
        made = builtins.make(slot)
    return tuple(name.replace(".", "_") for name, _ in made.named_parameters())
