"""Patterns of 16-bit floats in Triton; the algorithm of ``cpu.floats``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import (
    CHUNK,
    at,
    enter,
    leave,
    near,
    pop_digit,
    pop_interval,
    push_digit,
    push_interval,
)


@triton.jit
def push_float(
    words, count, seed, lane, head, top, owe, on, symbols, start, freq, rcp, zeros, mantissa,
    LOW: tl.constexpr, GUARD: tl.constexpr,
):  # fmt: skip
    """One step of ``push_floats``."""
    bits = tl.load(symbols, mask=on, other=0).to(tl.int64) & 0xFFFF
    size = zeros * 0 + (1 << mantissa)
    r, s = bits & (size - 1), bits >> mantissa
    flat = s & ((zeros >> 1) - 1) == 0
    zero = flat & (r == 0)
    m = tl.where(zero, 1, size - flat.to(tl.int64))
    s = tl.where(zero, zeros + (bits >> 15), s)
    r = tl.where(flat & (r > 0), r - 1, r)
    head, top, owe = push_digit(words, count, seed, lane, head, top, owe, on, r, m, LOW, GUARD)
    f = tl.load(freq + s, mask=on, other=65536)
    c = tl.load(start + s, mask=on, other=0)
    q = tl.load(rcp + s, mask=on, other=1.0)
    return push_interval(words, count, seed, lane, head, top, owe, on, c, f, q, LOW, GUARD)


@triton.jit
def push_floats(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, start, freq, rcp, exponent, mantissa, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` int16 [B, elements]."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    zeros = tl.full([1], 2, tl.int64) << exponent
    for begin in range(first, last, CHUNK):
        end = tl.minimum(begin + CHUNK, last)
        if near(top, owe, 1):
            for t in range(begin, end):
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = push_float(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, rcp, zeros, mantissa, LOW, True,
                )  # fmt: skip
        else:
            for t in range(begin, end):
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = push_float(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, rcp, zeros, mantissa, LOW, False,
                )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def pop_float(
    words, count, seed, lane, head, top, owe, on, symbols, start, freq, find, zeros, mantissa,
    exponent, LOW: tl.constexpr, GUARD: tl.constexpr,
):  # fmt: skip
    """One step of ``pop_floats``."""
    s = tl.load(find + (head & 0xFFFF), mask=on, other=0).to(tl.int64)
    f = tl.load(freq + s, mask=on, other=65536)
    c = tl.load(start + s, mask=on, other=0)
    head, top, owe = pop_interval(words, count, seed, lane, head, top, owe, on, c, f, LOW, GUARD)
    zero = s >= zeros
    least = ((s & ((zeros >> 1) - 1) == 0) & (zero == 0)).to(tl.int64)
    size = zeros * 0 + (1 << mantissa)
    m = tl.where(zero, 1, size - least)
    s = tl.where(zero, (s - zeros) << exponent, s)
    r, head, top, owe = pop_digit(words, count, seed, lane, head, top, owe, on, m, LOW, GUARD)
    tl.store(symbols, ((s << mantissa) | (r + least)).to(tl.int16), mask=on)
    return head, top, owe


@triton.jit
def pop_floats(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, start, freq, find, exponent, mantissa, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_floats``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    zeros = tl.full([1], 2, tl.int64) << exponent
    for done in range(0, last - first, CHUNK):
        end = last - done
        begin = tl.maximum(end - CHUNK, first)
        if near(top, owe, 2):
            for back in range(0, end - begin):
                t = end - 1 - back
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = pop_float(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, find, zeros, mantissa, exponent, LOW, True,
                )  # fmt: skip
        else:
            for back in range(0, end - begin):
                t = end - 1 - back
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = pop_float(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, find, zeros, mantissa, exponent, LOW, False,
                )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)
