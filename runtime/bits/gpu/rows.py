"""A row of a table per symbol in Triton; the algorithm of ``cpu.table``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import at, enter, kernel, leave, pop_interval, push_interval


@kernel
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


@kernel
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
