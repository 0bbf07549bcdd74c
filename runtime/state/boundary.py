"""Between the caller's tensors and raw state."""

import torch
from torch import Tensor

from revc.runtime.state import lattice
from revc.runtime.state.lattice import encode

__all__ = ["encode", "mismatches", "own", "view"]


def own(value: Tensor) -> Tensor:
    """Return a contiguous copy, in float32 if it is a narrower float."""
    if value.dtype in (torch.float16, torch.bfloat16):
        return value.to(torch.float32).contiguous()
    return value.clone(memory_format=torch.contiguous_format)


def view(raw: Tensor, fraction_bits: int, dtype: torch.dtype) -> Tensor:
    """Return a lattice register for the caller: float64 if the nets are, else float32."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return lattice.decode(raw, fraction_bits, wide)


def mismatches(now: Tensor, then: Tensor) -> Tensor:
    """Return how many of two rows of checksums differ, shape [1]."""
    return (now != then).sum().reshape(1)
