"""Patterns of 16-bit floats in Triton; the algorithm of ``cpu.floats``, the tables of ``table``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import (
    CHUNK,
    at,
    enter,
    kernel,
    leave,
    near,
    pop_digit,
    pop_interval,
    push_digit,
    push_interval,
)
from revc.runtime.bits.gpu.quick import (
    entry,
    quick_pop,
    quick_pop_bits,
    quick_push,
    quick_push_bits,
)


@triton.jit
def push_float(
    words, count, seed, lane, head, top, owe, on, bits, table, rcp, EXPONENT: tl.constexpr,
    MANTISSA: tl.constexpr, LOW: tl.constexpr,
):  # fmt: skip
    """One step for any values; gives (head, top, owe)."""
    s, r = bits >> MANTISSA, (bits & ((1 << MANTISSA) - 1)).to(tl.int64)
    flat = s & ((1 << EXPONENT) - 1) == 0
    zero = flat & (r == 0)
    m = tl.where(zero, 1, (1 << MANTISSA) - flat.to(tl.int64))
    s = tl.where(zero, (2 << EXPONENT) + (bits >> 15), s)
    r = tl.where(flat & (r > 0), r - 1, r)
    head, top, owe = push_digit(words, count, seed, lane, head, top, owe, on, r, m, LOW, True)
    start, freq = entry(table, s)
    q = tl.load(rcp + s)
    return push_interval(
        words, count, seed, lane, head, top, owe, on, start.to(tl.int64), freq.to(tl.int64), q,
        LOW, True,
    )  # fmt: skip


@kernel
def push_floats(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, table, rcp, full, EXPONENT: tl.constexpr, MANTISSA: tl.constexpr,
    LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` int16 [B, elements]; steps without zeros and subnormals are quick."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    for begin in range(first, last, CHUNK):
        end = tl.minimum(begin + CHUNK, last)
        slow = near(top, owe, 1) | (end > full)
        place = here + at(begin, lanes, j)
        for t in range(begin, end):
            on = live & (at(t, lanes, j) + j < elements)
            bits = tl.load(place, mask=on, other=1 << MANTISSA).to(tl.int32) & 0xFFFF
            place += lanes
            s = bits >> MANTISSA
            special = (s & ((1 << EXPONENT) - 1)) == 0
            if slow | (tl.max(special.to(tl.int32), 0) > 0):
                head, top, owe = push_float(
                    words, count, seed, lane, head, top, owe, on, bits, table, rcp,
                    EXPONENT, MANTISSA, LOW,
                )  # fmt: skip
            else:
                r = bits & ((1 << MANTISSA) - 1)
                head, top = quick_push_bits(words, count, lane, head, top, live, r, MANTISSA, LOW)
                start, freq = entry(table, s)
                q = tl.load(rcp + s)
                head, top = quick_push(words, count, lane, head, top, live, start, freq, q, LOW)
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def pop_float(
    words, count, seed, lane, head, top, owe, on, s, table, EXPONENT: tl.constexpr,
    MANTISSA: tl.constexpr, LOW: tl.constexpr,
):  # fmt: skip
    """One step for any values, of class ``s``; gives (bits, head, top, owe)."""
    start, freq = entry(table, s)
    head, top, owe = pop_interval(
        words, count, seed, lane, head, top, owe, on, start.to(tl.int64), freq.to(tl.int64),
        LOW, True,
    )  # fmt: skip
    zero = s >= 2 << EXPONENT
    least = ((s & ((1 << EXPONENT) - 1) == 0) & (zero == 0)).to(tl.int64)
    m = tl.where(zero, 1, (1 << MANTISSA) - least)
    s = tl.where(zero, (s - (2 << EXPONENT)) << EXPONENT, s)
    r, head, top, owe = pop_digit(words, count, seed, lane, head, top, owe, on, m, LOW, True)
    return (s << MANTISSA) | (r + least).to(tl.int32), head, top, owe


@kernel
def pop_floats(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, table, find, full, EXPONENT: tl.constexpr, MANTISSA: tl.constexpr,
    LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_floats``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    for done in range(0, last - first, CHUNK):
        end = last - done
        begin = tl.maximum(end - CHUNK, first)
        slow = near(top, owe, 2) | (end > full)
        place = here + at(end, lanes, j)
        for back in range(0, end - begin):
            place -= lanes
            on = live & (at(end - 1 - back, lanes, j) + j < elements)
            point = head.to(tl.int32) & 0xFFFF
            s = tl.load(find + point).to(tl.int32)
            special = (s & ((1 << EXPONENT) - 1) == 0) | (s >= 2 << EXPONENT)
            if slow | (tl.max(special.to(tl.int32), 0) > 0):
                bits, head, top, owe = pop_float(
                    words, count, seed, lane, head, top, owe, on, s, table,
                    EXPONENT, MANTISSA, LOW,
                )  # fmt: skip
            else:
                start, freq = entry(table, s)
                head, top = quick_pop(words, count, lane, head, top, live, start, freq, LOW)
                r, head, top = quick_pop_bits(words, count, lane, head, top, live, MANTISSA, LOW)
                bits = (s << MANTISSA) | r
            tl.store(place, bits.to(tl.int16), mask=on)
    leave(heads, fill, debt, lane, live, head, top, owe)
