"""Tables and rows of tables in Triton; the algorithm of ``cpu.table``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import CHUNK, at, enter, leave, near, pop_interval, push_interval


@triton.jit
def push_table_step(
    words, count, seed, lane, head, top, owe, on, symbols, start, freq, rcp,
    LOW: tl.constexpr, GUARD: tl.constexpr,
):  # fmt: skip
    """One step of ``push_table``; ``symbols`` points at each lane's symbol."""
    s = tl.load(symbols, mask=on, other=0).to(tl.int64)
    f = tl.load(freq + s, mask=on, other=65536)
    c = tl.load(start + s, mask=on, other=0)
    r = tl.load(rcp + s, mask=on, other=1.0)
    return push_interval(words, count, seed, lane, head, top, owe, on, c, f, r, LOW, GUARD)


@triton.jit
def push_table(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, start, freq, rcp, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` [B, elements] by one table."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    for begin in range(first, last, CHUNK):
        end = tl.minimum(begin + CHUNK, last)
        if near(top, owe, 0):
            for t in range(begin, end):
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = push_table_step(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, rcp, LOW, True,
                )  # fmt: skip
        else:
            for t in range(begin, end):
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = push_table_step(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, rcp, LOW, False,
                )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def pop_table_step(
    words, count, seed, lane, head, top, owe, on, symbols, start, freq, find,
    LOW: tl.constexpr, GUARD: tl.constexpr,
):  # fmt: skip
    """One step of ``pop_table``."""
    s = tl.load(find + (head & 0xFFFF), mask=on, other=0)
    f = tl.load(freq + s, mask=on, other=65536)
    c = tl.load(start + s, mask=on, other=0)
    tl.store(symbols, s.to(symbols.dtype.element_ty), mask=on)
    return pop_interval(words, count, seed, lane, head, top, owe, on, c, f, LOW, GUARD)


@triton.jit
def pop_table(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, start, freq, find, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_table``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    for done in range(0, last - first, CHUNK):
        end = last - done
        begin = tl.maximum(end - CHUNK, first)
        if near(top, owe, 1):
            for back in range(0, end - begin):
                t = end - 1 - back
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = pop_table_step(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, find, LOW, True,
                )  # fmt: skip
        else:
            for back in range(0, end - begin):
                t = end - 1 - back
                on = live & (at(t, lanes, j) + j < elements)
                head, top, owe = pop_table_step(
                    words, count, seed, lane, head, top, owe, on, here + at(t, lanes, j),
                    start, freq, find, LOW, False,
                )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def push_rows(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, cdf, width, row, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` [B, elements], each by its row of ``cdf`` [R, width]."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for t in range(first, last):
        on = live & (at(t, lanes, j) + j < elements)
        s = tl.load(symbols + here + at(t, lanes, j), mask=on, other=0).to(tl.int64)
        r = tl.load(row + here + at(t, lanes, j), mask=on, other=0).to(tl.int64)
        place = cdf + r * width + s
        start = tl.load(place, mask=on, other=0).to(tl.int64)
        freq = tl.load(place + 1, mask=on, other=65536).to(tl.int64) - start
        rcp = 1.0 / freq.to(tl.float64)
        head, top, owe = push_interval(
            words, count, seed, lane, head, top, owe, on, start, freq, rcp, LOW, True
        )
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def pop_rows(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, cdf, width, row, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_rows`` by bisection."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for back in range(0, last - first):
        t = last - 1 - back
        on = live & (at(t, lanes, j) + j < elements)
        r = tl.load(row + here + at(t, lanes, j), mask=on, other=0).to(tl.int64)
        s = tl.zeros_like(r)
        above = s + (width - 1)
        left = width - 1
        while left > 1:
            middle = (s + above) >> 1
            found = tl.load(cdf + r * width + middle, mask=on, other=0) <= head & 0xFFFF
            s = tl.where(found, middle, s)
            above = tl.where(found, above, middle)
            left = (left + 1) >> 1
        start = tl.load(cdf + r * width + s, mask=on, other=0).to(tl.int64)
        freq = tl.load(cdf + r * width + s + 1, mask=on, other=65536).to(tl.int64) - start
        place = symbols + here + at(t, lanes, j)
        tl.store(place, s.to(symbols.dtype.element_ty), mask=on)
        head, top, owe = pop_interval(
            words, count, seed, lane, head, top, owe, on, start, freq, LOW, True
        )
    leave(heads, fill, debt, lane, live, head, top, owe)
