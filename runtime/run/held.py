"""How a run holds what the caller gave it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from revc.runtime.interface import Slot
from revc.runtime.state import boundary, lattice


@dataclass(frozen=True)
class Watched:
    """A tensor that the way back reads and that the caller can reach; `version` counts writes."""

    name: str
    tensor: Tensor
    version: int


def encoded(slot: Slot, value: Tensor) -> Tensor:
    """Return raw state of the run's own for a tensor of the caller."""
    if slot.kind == "lattice":
        return lattice.encode(value, slot.fraction_bits, slot.width)
    if slot.kind == "label":
        return value.to(torch.int64, copy=True, memory_format=torch.contiguous_format)
    return boundary.own(value)


def version(value: Tensor) -> int:
    """Return how often a tensor was written to; inference tensors do not count, nor then do we."""
    return 0 if value.is_inference() else value._version
