"""Code lengths under the integer model of windows, one kernel in place of some hundred operators.

The same integers as ``bits.window`` and ``dist.base.in_units``.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from revc.runtime.bits.constants import LENGTH_BITS, PRECISION, UNIT_BITS
from revc.runtime.bits.gpu.beside import rest_bases
from revc.runtime.bits.gpu.lane import kernel
from revc.runtime.bits.gpu.mixture import bounds, window
from revc.runtime.bits.gpu.size import log2_units
from revc.runtime.bits.log2 import log2_table
from revc.runtime.bits.tables import window_tensors

BLOCK = 128
_WHOLE = tl.constexpr(PRECISION << LENGTH_BITS)
_SHIFT = tl.constexpr(LENGTH_BITS - UNIT_BITS)
_LOW = tl.constexpr((1 << (LENGTH_BITS - UNIT_BITS)) - 1)
_HALF = tl.constexpr(1 << (LENGTH_BITS - UNIT_BITS - 1))


@kernel
def lengths(
    symbols, weight, loc, scale, regular, cdf, inverse, shift, radius, table, out, count,
    BOUNDED: tl.constexpr, C: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Lengths int64 [count] in 2**-32 bit of symbols by parameters [count, C]; see ``interval``."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    on = at < count
    e = tl.where(on, at, 0)
    fine, origin, size = window(loc, scale, radius, e, C)
    low, end = origin << fine, (origin + size) << fine
    v = tl.load(symbols + e).to(tl.int64)
    if BOUNDED:
        v = tl.minimum(tl.maximum(v, low), end - 1)
    index = (v >> fine) - origin
    escaped = (index < 0) | (index >= size)
    inside, span = tl.where(escaped, 0, index).to(tl.int32), (regular - size).to(tl.int32)
    start, stop = bounds(
        inside, fine, origin, span, weight, loc, scale, cdf, inverse, shift, radius, e, C
    )
    freq = tl.where(escaped, 1, stop - start).to(tl.int64)
    lower, upper = rest_bases(escaped, fine, size, ((v - end) & 0xFFFFFFFF) >> 16)
    digits = log2_units(lower, table) + log2_units(upper, table)
    tl.store(out + at, digits - log2_units(freq, table) + _WHOLE, mask=on)


@kernel
def totals(values, out, width, BLOCK: tl.constexpr):
    """Sums of rows int64 [rows, width] in 2**-32 bit, in 2**-20 bit and rounded once."""
    row = values + tl.program_id(0).to(tl.int64) * width
    high, low = tl.zeros([BLOCK], tl.int64), tl.zeros([BLOCK], tl.int64)
    for start in range(0, width, BLOCK):
        at = start + tl.arange(0, BLOCK)
        value = tl.load(row + at, mask=at < width, other=0)
        high += value >> _SHIFT
        low += value & _LOW
    rest = (tl.sum(low, 0) + _HALF) >> _SHIFT
    tl.store(out + tl.program_id(0), tl.sum(high, 0) + rest)


def window_lengths(
    family: str, symbols: Tensor, weight: Tensor, loc: Tensor, scale: Tensor, regular: int,
    bounded: bool,
) -> Tensor:  # fmt: skip
    """Lengths int64 [...] in 2**-32 bit of symbols [...] under grid parameters [..., C]."""
    device, count = symbols.device, symbols.numel()
    out = torch.empty(symbols.shape, dtype=torch.int64, device=device)
    if count == 0:
        return out
    grid = (t.contiguous() for t in (symbols, weight, loc, scale))
    with torch.cuda.device_of(symbols):
        lengths[(triton.cdiv(count, BLOCK),)](
            *grid, regular, *window_tensors(family, device)[:4], log2_table(device), out, count,
            BOUNDED=bounded, C=loc.shape[-1], BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return out


def in_units(values: Tensor) -> Tensor:
    """Sums over the last axis of lengths [rows, width] in 2**-32 bit, int64 in 2**-20 bit."""
    rows, width = values.shape
    out = torch.empty(rows, dtype=torch.int64, device=values.device)
    if rows == 0:
        return out
    block = min(1024, max(16, triton.next_power_of_2(width)))
    with torch.cuda.device_of(values):
        totals[(rows,)](
            values.contiguous(), out, width, BLOCK=block, num_warps=4, enable_fp_fusion=False
        )
    return out
