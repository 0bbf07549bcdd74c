"""Between the caller's tensors and raw state.

Raw state is laid out in one way, row by row, whatever gave it: kernels choose their order of sums
by strides, and a net that saw others on the way back would give other bits.
"""

import torch
from torch import Tensor

from revc.runtime.shown import lies_by_rows
from revc.runtime.state import lattice
from revc.runtime.state.lattice import encode

__all__ = ["dense", "encode", "kept", "mismatches", "own", "view"]


def own(value: Tensor) -> Tensor:
    """Return a contiguous copy, in float32 if it is a narrower float."""
    if value.dtype in (torch.float16, torch.bfloat16):
        return value.to(torch.float32, memory_format=torch.contiguous_format)
    return value.clone(memory_format=torch.contiguous_format)


def kept(value: Tensor) -> Tensor:
    """Return a copy laid out as `value` is: what reads it adds up in the same order."""
    overlaps = any(
        step == 0 and size > 1 for step, size in zip(value.stride(), value.shape, strict=True)
    )
    if overlaps:
        return value.clone()
    copy = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
    return copy.copy_(value)


def dense(value: Tensor) -> Tensor:
    """Return a tensor laid out row by row: itself if it is, else a copy."""
    return value if lies_by_rows(value) else value.clone(memory_format=torch.contiguous_format)


def view(raw: Tensor, fraction_bits: int, dtype: torch.dtype) -> Tensor:
    """Return a lattice register for the caller: float64 if the nets are, else float32."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return lattice.decode(raw, fraction_bits, wide)


def mismatches(now: Tensor, then: Tensor) -> Tensor:
    """Return how many of two rows of checksums differ, shape [1]."""
    return (now != then).sum().reshape(1)
