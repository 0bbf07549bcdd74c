"""Lattice values to indices and residues and back, a pass each: for CUDA, in Triton.

The same integers as ``quantiser.split`` and ``quantiser.whole``, some six launches each.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

BLOCK = 1024
kernel = triton.jit(do_not_specialize=("stride", "n", "count", "unit", "shift"))
"""Of a launch's integers none is made a constant: a 1 would have no dtype, and compile again."""


@kernel
def parted(raw, index, residue, stride, n, count, shift, BLOCK: tl.constexpr):
    """Indices and residues of rows of ``n`` values, ``stride`` apart; a step is 2**shift units."""
    e = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    on = e < count
    one = tl.full([1], 1, tl.int64)
    value = tl.load(raw + e // n * stride + e % n, mask=on, other=0).to(tl.int64)
    shifted = value + ((one << shift) >> 1)
    tl.store(index + e, (shifted >> shift).to(tl.int32), mask=on)
    tl.store(residue + e, shifted & ((one << shift) - 1), mask=on)


@kernel
def joined(index, residue, out, flag, unit, count, RESIDUE: tl.constexpr, BLOCK: tl.constexpr):
    """Values of parts; ``flag`` says that the dtype of ``out`` does not hold one."""
    e = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    on = e < count
    value = tl.load(index + e, mask=on, other=0).to(tl.int64) * unit
    if RESIDUE:
        value += tl.load(residue + e, mask=on, other=0)
    value -= unit // 2
    held = value.to(out.dtype.element_ty)
    tl.store(out + e, held, mask=on)
    if tl.max((on & (held.to(tl.int64) != value)).to(tl.int32), 0) > 0:
        tl.store(flag, 1)


def split(raw: Tensor, unit: int) -> tuple[Tensor, Tensor]:
    """Indices int32 and residues int64 of lattice values [.., n]; ``unit`` is a power of two."""
    rows = raw.reshape(-1, raw.shape[-1])
    rows = rows if rows.stride(1) == 1 else rows.contiguous()
    index = torch.empty(raw.shape, dtype=torch.int32, device=raw.device)
    residue = torch.empty(raw.shape, dtype=torch.int64, device=raw.device)
    with torch.cuda.device_of(raw):
        parted[_grid(raw)](
            rows, index, residue, rows.stride(0), rows.shape[1], raw.numel(),
            unit.bit_length() - 1, BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return index, residue


def join(
    index: Tensor, residue: Tensor | None, unit: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Values in ``dtype`` of int32 indices and int64 residues; whether it lacks one, bool []."""
    out = torch.empty(index.shape, dtype=dtype, device=index.device)
    flag = torch.zeros((), dtype=torch.uint8, device=index.device)
    whole = index.contiguous()
    rest = whole if residue is None else residue.contiguous()
    with torch.cuda.device_of(index):
        joined[_grid(index)](
            whole, rest, out, flag, unit, index.numel(), RESIDUE=residue is not None, BLOCK=BLOCK,
            num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return out, flag.view(torch.bool)


def _grid(tensor: Tensor) -> tuple[int]:
    return (triton.cdiv(tensor.numel(), BLOCK),)
