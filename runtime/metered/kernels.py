"""Code lengths of logistics on a lattice and their cotangents, a pass each: for CUDA, in Triton.

As operators a length is some two dozen launches, and its cotangents twice as many. The formulas are
those of `lengths` and `lengths_vjp`, in float32; sums are taken in one order.

Registers are [rows, n] with rows a stride apart, parameters [rows, 2 n]: locations, then s.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import math

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from revc.runtime.metered.lengths import BULK

BLOCK = 1024
_BULK = tl.constexpr(float(BULK))
_BITS = tl.constexpr(1 / math.log(2))
_NUMBERS = ("stride", "n", "size", "count", "half", "shift")
kernel = triton.jit(do_not_specialize=_NUMBERS)
"""Of a launch's integers none is made a constant: a 1 would have no dtype, and compile again."""


@triton.jit
def value_of(raw, row, column, stride, half, shift, step, on):
    """What the coder knows of raw lattice values: multiples of ``step``."""
    place = raw + row.to(tl.int64) * stride + column
    whole = tl.load(place, mask=on, other=0).to(tl.int64)
    return ((whole + half) >> shift).to(tl.float32) * step


@triton.jit
def standard(value, params, row, column, n, step, on):
    """(z, a, scale, s): distance from the location and half a step in scales."""
    place = params + row.to(tl.int64) * (2 * n) + column
    loc = tl.load(place, mask=on, other=0).to(tl.float32)
    s = tl.load(place + n, mask=on, other=0).to(tl.float32)
    scale = softplus(s) + step * 0.5
    return (value - loc) / scale, (step * 0.5) / scale, scale, s


@triton.jit
def softplus(s):
    """ln(1 + e**s), to the last bits however small it is."""
    grown = tl.exp(tl.minimum(s, _BULK))
    whole = 1.0 + grown
    near = tl.log(whole) * (grown / tl.where(whole == 1.0, 1.0, whole - 1.0))
    return tl.where(s > _BULK, s, tl.where(whole == 1.0, grown, near))


@triton.jit
def expm1(a):
    """e**a - 1 for a in [0, 1], by its series: what is left out is below 2**-28 of it."""
    total = tl.zeros_like(a) + 1.0
    for k in tl.static_range(11):
        total = 1.0 + total * a * (1.0 / (12 - k))
    return total * a


@kernel
def measured(raw, params, out, stride, n, size, half, shift, step, BLOCK: tl.constexpr):
    """Sums float32 [B, chunks] of lengths, ``size`` values an example; see `logistic_bits`."""
    example, chunk = tl.program_id(0), tl.program_id(1)
    e = chunk * BLOCK + tl.arange(0, BLOCK)
    on = e < size
    row, column = example * (size // n) + e // n, e % n
    value = value_of(raw, row, column, stride, half, shift, step, on)
    z, a, _scale, _s = standard(value, params, row, column, n, step, on)
    away, grown = tl.abs(z), expm1(a)
    fall, edge = tl.exp(-away), grown + 1.0
    bits = tl.log2((1.0 + fall * edge) * (fall + edge) / ((edge + 1.0) * grown)) + away * _BITS
    tl.store(out + example * tl.num_programs(1) + chunk, tl.sum(tl.where(on, bits, 0.0), 0))


@kernel
def pulled(
    raw, params, cotangent, d_value, d_params, stride, n, size, count, half, shift, step,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Cotangents of ``count`` values and of their parameters, given those of the sums, [B]."""
    e = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    on = e < count
    row, column = e // n, e % n
    value = value_of(raw, row, column, stride, half, shift, step, on)
    z, a, scale, s = standard(value, params, row, column, n, step, on)
    by_loc, by_scale = slopes(z, a)
    common = tl.load(cotangent + e // size, mask=on, other=0).to(tl.float32) / scale
    tl.store(d_value + e, -(by_loc * common), mask=on)
    place = d_params + row.to(tl.int64) * (2 * n) + column
    tl.store(place, (by_loc * common).to(d_params.dtype.element_ty), mask=on)
    by_s = by_scale * common / (1.0 + tl.exp(-s))
    tl.store(place + n, by_s.to(d_params.dtype.element_ty), mask=on)


@triton.jit
def slopes(z, a):
    """Slopes of a length in location and scale, in bits a scale; see `logistic_pull`."""
    fall, grown = tl.exp(-tl.abs(z)), expm1(a)
    bend = (1.0 - fall) / (1.0 + fall)
    bend = tl.where(z < 0, -bend, bend)
    edge = grown / (grown + 2.0)
    m2 = bend * edge * (bend * edge)
    ratio = a / edge * 0.5
    flat = (edge * edge - 1.0) * _BITS / (1.0 - m2)
    return bend * flat, (z * bend - ratio - ratio * m2) * flat


@kernel
def drawn(
    raw, params, cotangent, d_params, stride, n, count, half, shift, step, BLOCK: tl.constexpr
):
    """Cotangents of parameters, given those of ``count`` values drawn by them."""
    e = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    on = e < count
    row, column = e // n, e % n
    value = value_of(raw, row, column, stride, half, shift, step, on)
    z, _a, _scale, s = standard(value, params, row, column, n, step, on)
    by = tl.load(cotangent + e, mask=on, other=0).to(tl.float32)
    place = d_params + row.to(tl.int64) * (2 * n) + column
    tl.store(place, by.to(d_params.dtype.element_ty), mask=on)
    by_s = z * by / (1.0 + tl.exp(-s))
    tl.store(place + n, by_s.to(d_params.dtype.element_ty), mask=on)


def sequence_length(raw: Tensor, params: Tensor, step: float, unit: int) -> Tensor:
    """Lengths in bits of the logistic indices of ``raw`` [B, .., n], float32 [B].

    ``params`` are [B, .., 2n]; a power of two, ``unit``, is a step in raw units.
    """
    rows, examples, size = _rows(raw), raw.shape[0], raw.numel() // raw.shape[0]
    chunks = triton.cdiv(size, BLOCK)
    out = torch.empty((examples, chunks), dtype=torch.float32, device=raw.device)
    with torch.cuda.device_of(raw):
        measured[(examples, chunks)](
            rows, params, out, rows.stride(0), rows.shape[1], size, unit // 2,
            unit.bit_length() - 1, step, BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    return out.sum(-1) if chunks > 1 else out[:, 0]


def sequence_length_vjp(
    cotangent: Tensor, raw: Tensor, params: Tensor, step: float, unit: int
) -> tuple[Tensor, Tensor]:
    """Cotangents of the values, float32, and of ``params``, given [B] of `sequence_length`."""
    rows, size = _rows(raw), raw.numel() // raw.shape[0]
    d_value = torch.empty(raw.shape, dtype=torch.float32, device=raw.device)
    d_params = torch.empty_like(params)
    with torch.cuda.device_of(raw):
        pulled[_grid(raw)](
            rows, params, cotangent, d_value, d_params, rows.stride(0), rows.shape[1], size,
            raw.numel(), unit // 2, unit.bit_length() - 1, step, BLOCK=BLOCK, num_warps=4,
            enable_fp_fusion=False,
        )  # fmt: skip
    return d_value, d_params


def reparameterise_vjp(
    cotangent: Tensor, raw: Tensor, params: Tensor, step: float, unit: int
) -> Tensor:
    """Cotangent of ``params``, given that of the values that were drawn by them, of their shape."""
    rows, d_params = _rows(raw), torch.empty_like(params)
    with torch.cuda.device_of(raw):
        drawn[_grid(raw)](
            rows, params, cotangent.contiguous(), d_params, rows.stride(0), rows.shape[1],
            raw.numel(), unit // 2, unit.bit_length() - 1, step, BLOCK=BLOCK, num_warps=4,
            enable_fp_fusion=False,
        )  # fmt: skip
    return d_params


def _rows(raw: Tensor) -> Tensor:
    """A register as [rows, n], without a copy where its rows are a stride apart."""
    rows = raw.reshape(-1, raw.shape[-1])
    return rows if rows.stride(1) == 1 else rows.contiguous()


def _grid(raw: Tensor) -> tuple[int]:
    return (triton.cdiv(raw.numel(), BLOCK),)
