"""What the steps of lattice state do to memory, a pass each: for CUDA, in Triton.

As operators an increment is read and written seven times before it is added, and a register twice
before a net reads it. The kernels give the same bits: scales are powers of two, every conversion
rounds once, half to even, and sums of checksums wrap, in any order.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from functools import cache

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from revc.runtime.state.weights import COLUMNS, MULTIPLIER

BLOCK = 1024
PROGRAMS = 2048  # of a checksum: enough to fill a device, few enough that their sums meet quickly
_COLUMNS = tl.constexpr(COLUMNS)
_MULTIPLIER = tl.constexpr(MULTIPLIER)
_WHOLE = tl.constexpr(2.0**51)
"""From here on adding `_ROUND` would round to more than a unit."""
_ROUND = tl.constexpr(1.5 * 2.0**52)


@triton.jit
def bfloat16(value):
    """A finite float32 rounded half to even; Triton's interpreter would cut it off."""
    bits = value.to(tl.int32, bitcast=True)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return bits.to(tl.int16).to(tl.bfloat16, bitcast=True)


@triton.jit
def decoded(raw, out, scale, count, WIDE: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr):
    """``raw * scale``, rounded to WIDE, and once more to the dtype of `out`: HALF if bfloat16."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(raw + at, mask=at < count, other=0).to(WIDE) * scale
    if HALF:
        tl.store(out + at, bfloat16(value), mask=at < count)
    else:
        tl.store(out + at, value.to(out.dtype.element_ty), mask=at < count)


@triton.jit
def added(
    state, value, scale, bottom, top, count, SIGN: tl.constexpr, WIDE: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Add ``SIGN * round(value * scale)``, clamped to [bottom, top], to `state` in place."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    on = at < count
    scaled = tl.load(value + at, mask=on, other=0).to(WIDE) * scale
    scaled = tl.minimum(tl.maximum(scaled, tl.load(bottom)), tl.load(top)).to(tl.float64)
    near = (scaled + _ROUND) - _ROUND
    whole = tl.where(tl.abs(scaled) < _WHOLE, near, scaled).to(tl.int64)
    before = tl.load(state + at, mask=on, other=0)
    tl.store(state + at, before + SIGN * whole.to(before.dtype), mask=on)


@triton.jit
def largest(value, health, scale, count, BLOCK: tl.constexpr):
    """Raise ``health[0]``, bits of a float32, to the largest ``|value| * scale``; NaN is infinite.

    Floats that are not negative are ordered as their bits are.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    size = tl.abs(tl.load(value + at, mask=at < count, other=0).to(tl.float32)) * scale
    size = tl.max(tl.where(size != size, float("inf"), size), 0)
    tl.atomic_max(health, size.to(tl.int32, bitcast=True))


@triton.jit
def summed(words_at, out, words, rows, turns, BLOCK: tl.constexpr):
    """Add the checksum of int64 [words] to `out`; see ``checksum.digest`` for the weights."""
    total = tl.zeros([BLOCK], tl.int64)
    first = tl.program_id(0).to(tl.int64) * turns
    for turn in range(turns):
        at = (first + turn) * BLOCK + tl.arange(0, BLOCK)
        row, column = at // _COLUMNS, at % _COLUMNS
        weight = (2 * column + 1) * _MULTIPLIER
        weight *= tl.where(row < rows, (2 * row + 3) * _MULTIPLIER, 1)
        total += tl.load(words_at + at, mask=at < words, other=0) * weight
    tl.atomic_add(out, tl.sum(total, 0))


def decode(raw: Tensor, fraction_bits: int, dtype: torch.dtype) -> Tensor:
    """Do as `lattice.decode` for a contiguous register."""
    out = torch.empty(raw.shape, dtype=dtype, device=raw.device)
    with torch.cuda.device_of(raw):
        decoded[_grid(raw)](
            raw, out, 2.0**-fraction_bits, raw.numel(), WIDE=_wide(dtype),
            HALF=dtype == torch.bfloat16, BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return out


def add_(
    state: Tensor, value: Tensor, sign: int, fraction_bits: int, low: float, top: float
) -> None:
    """Do as `lattice.add_` for contiguous tensors of one shape, clamped to [low, top]."""
    ends = _ends(
        low, top, value.dtype if value.dtype == torch.float64 else torch.float32, state.device
    )
    with torch.cuda.device_of(state):
        added[_grid(state)](
            state, value, 2.0**fraction_bits, *ends, state.numel(), SIGN=sign,
            WIDE=_wide(value.dtype), BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    torch.autograd.graph.increment_version(state)


def watch(value: Tensor, scale: float, health: Tensor) -> Tensor:
    """Return float32 `health` with ``max |value| * scale`` taken into its first number."""
    raised = health.clone()
    with torch.cuda.device_of(value):
        largest[_grid(value)](
            value, raised.view(torch.int32), scale, value.numel(), BLOCK=BLOCK, num_warps=4,
            enable_fp_fusion=False,
        )  # fmt: skip
    return raised


def add_checksum(words: Tensor, total: Tensor) -> None:
    """Add the checksum of int64 `words`, [n] and contiguous, to the 0-dim int64 `total`."""
    count = words.numel()
    blocks = triton.cdiv(count, BLOCK)
    turns = triton.cdiv(blocks, PROGRAMS)
    with torch.cuda.device_of(words):
        summed[(triton.cdiv(blocks, turns),)](
            words, total, count, count // COLUMNS, turns, BLOCK=BLOCK, num_warps=4,
            enable_fp_fusion=False,
        )  # fmt: skip


def _grid(tensor: Tensor) -> tuple[int]:
    return (triton.cdiv(tensor.numel(), BLOCK),)


def _wide(dtype: torch.dtype) -> tl.dtype:
    return tl.float64 if dtype == torch.float64 else tl.float32


@cache
def _ends(
    low: float, top: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The ends in memory: as scalars Triton would round them to float32."""
    low_end, top_end = torch.tensor([low, top], dtype=dtype, device=device).unbind()
    return low_end, top_end
