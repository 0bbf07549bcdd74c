"""Parameters on the grid and checks of windows, one kernel each in place of some fifty operators.

The same integers as ``bits.snap`` and ``bits.window``: every float step is one IEEE operation on
float64, and none is fused.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from functools import cache

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from revc.runtime.bits.gpu.lane import kernel
from revc.runtime.bits.gpu.mixture import window
from revc.runtime.bits.snap import LOC_LIMIT, MANTISSA, STEPS
from revc.runtime.bits.tables import PER_OCTAVE, SCALES, window_tensors

BLOCK = 256
_LIMIT = tl.constexpr(float(LOC_LIMIT))
_MANTISSA = tl.constexpr(MANTISSA)
_HALVES = tl.constexpr(len(STEPS))
_OCTAVE = tl.constexpr(PER_OCTAVE)
_LAST = tl.constexpr(SCALES - 1)
_ROUND = tl.constexpr(1.5 * 2.0**52)  # adding it and taking it away rounds to the nearest, or even


@triton.jit
def note(flag, bad):
    """Set a flag if a lane of the block is ``bad``, and leave it alone if none is."""
    if tl.max(bad.to(tl.int32), 0) > 0:
        tl.store(flag, 1)


@kernel
def snap(loc, scale, steps, halves, out_loc, out_scale, flags, count, BLOCK: tl.constexpr):
    """``snap_loc`` and ``snap_scale``; flag 0 says that a location is not finite, 1 a scale.

    ``steps`` float64 [2] are 256 / step and step, ``halves`` int64 are ``STEPS``.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    on = at < count
    where = tl.load(loc + at, mask=on, other=0).to(tl.float64)
    note(flags, on & ((tl.abs(where) < float("inf")) == 0))
    where = tl.where(where != where, 1.0, where) * tl.load(steps)
    where = tl.minimum(tl.maximum(where, -_LIMIT), _LIMIT)
    tl.store(out_loc + at, ((where + _ROUND) - _ROUND).to(tl.int64), mask=on)
    width = tl.load(scale + at, mask=on, other=1).to(tl.float64)
    note(flags + 1, on & (((width > 0) & (width < float("inf"))) == 0))
    width = tl.where(width != width, 1.0, width) / tl.load(steps + 1)
    bits = width.to(tl.int64, bitcast=True)
    number = _OCTAVE * ((bits >> 52) - 1022)
    for i in range(_HALVES):
        number += ((bits & _MANTISSA) >= tl.load(halves + i)).to(tl.int64)
    number = tl.minimum(tl.maximum(number, 0), _LAST)
    tl.store(out_scale + at, number.to(tl.uint8), mask=on)


@kernel
def keep(symbols, out, loc, scale, radius, flag, count, C: tl.constexpr, BLOCK: tl.constexpr):
    """Move ``symbols`` into windows by [count, C] parameters; ``flag`` says that one was not."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    on = at < count
    fine, origin, size = window(loc, scale, radius, tl.where(on, at, 0), C)
    low, high = origin << fine, ((origin + size) << fine) - 1
    value = tl.load(symbols + at, mask=on, other=0).to(tl.int64)
    note(flag, on & ((value < low) | (value > high)))
    value = tl.minimum(tl.maximum(value, low), high)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=on)


@cache
def _constants(step: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """(256 / step, step) float64 and ``STEPS`` int64: as a scalar Triton would take float32."""
    steps = torch.tensor([256.0 / step, step], dtype=torch.float64, device=device)
    return steps, torch.tensor(STEPS, device=device)


def snapped(loc: Tensor, scale: Tensor, step: float) -> tuple[Tensor, Tensor, Tensor]:
    """Grid parameters (int64, uint8) of floats of one shape, and what of them was unusable.

    That is bool [2]: a location that is not finite, a scale that is not positive and finite. In
    their place stand what ``snap`` makes of 1, or of the largest number.
    """
    out_loc = torch.empty(loc.shape, dtype=torch.int64, device=loc.device)
    out_scale = torch.empty(scale.shape, dtype=torch.uint8, device=loc.device)
    flags = torch.zeros(2, dtype=torch.uint8, device=loc.device)
    count = loc.numel()
    if count == 0:
        return out_loc, out_scale, flags.view(torch.bool)
    with torch.cuda.device_of(loc):
        snap[(triton.cdiv(count, BLOCK),)](
            loc.contiguous(), scale.contiguous(), *_constants(step, loc.device), out_loc,
            out_scale, flags, count, BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return out_loc, out_scale, flags.view(torch.bool)


def kept(symbols: Tensor, family: str, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Symbols moved into the windows of grid parameters [.., C], and whether one was outside.

    Symbols are contiguous and of one of the integer dtypes, which they keep; the flag is bool [].
    """
    out, flag = torch.empty_like(symbols), torch.zeros((), dtype=torch.uint8, device=loc.device)
    radius = window_tensors(family, loc.device)[3]
    count = symbols.numel()
    if count == 0:
        return out, flag.view(torch.bool)
    with torch.cuda.device_of(loc):
        keep[(triton.cdiv(count, BLOCK),)](
            symbols, out, loc.contiguous(), scale.contiguous(), radius, flag, count,
            C=loc.shape[-1], BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return out, flag.view(torch.bool)
