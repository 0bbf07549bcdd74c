"""One table for all symbols in Triton; the algorithm of ``cpu.table``.

``table`` holds start | (freq - 1) << 16 as int32 [K]. ``full`` is the number of steps in which
every lane has a symbol; they go the quick way where no lane is near its floor.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import (
    CHUNK,
    at,
    enter,
    kernel,
    leave,
    near,
    pop_interval,
    push_interval,
)
from revc.runtime.bits.gpu.quick import entry, quick_pop, quick_push


@kernel
def push_table(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, table, rcp, full, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` [B, elements] by one table; rcp float64 [K]."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    for begin in range(first, last, CHUNK):
        end = tl.minimum(begin + CHUNK, last)
        if near(top, owe, 0) | (end > full):
            for t in range(begin, end):
                on = live & (at(t, lanes, j) + j < elements)
                s = tl.load(here + at(t, lanes, j), mask=on, other=0).to(tl.int32)
                start, freq = entry(table, s)
                r = tl.load(rcp + s)
                head, top, owe = push_interval(
                    words, count, seed, lane, head, top, owe, on,
                    start.to(tl.int64), freq.to(tl.int64), r, LOW, True,
                )  # fmt: skip
        else:
            place = here + at(begin, lanes, j)
            for _ in range(begin, end):
                s = tl.load(place, mask=live, other=0).to(tl.int32)
                place += lanes
                start, freq = entry(table, s)
                r = tl.load(rcp + s)
                head, top = quick_push(words, count, lane, head, top, live, start, freq, r, LOW)
    leave(heads, fill, debt, lane, live, head, top, owe)


@kernel
def pop_table(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, table, find, full, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_table``; ``find`` [2**16] gives the symbol at each point."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = symbols + b * elements + j
    for done in range(0, last - first, CHUNK):
        end = last - done
        begin = tl.maximum(end - CHUNK, first)
        if near(top, owe, 1) | (end > full):
            for back in range(0, end - begin):
                t = end - 1 - back
                on = live & (at(t, lanes, j) + j < elements)
                s = tl.load(find + (head & 0xFFFF))
                start, freq = entry(table, s.to(tl.int32))
                tl.store(here + at(t, lanes, j), s.to(here.dtype.element_ty), mask=on)
                head, top, owe = pop_interval(
                    words, count, seed, lane, head, top, owe, on,
                    start.to(tl.int64), freq.to(tl.int64), LOW, True,
                )  # fmt: skip
        else:
            place = here + at(end, lanes, j)
            for _ in range(begin, end):
                place -= lanes
                s = tl.load(find + (head.to(tl.int32) & 0xFFFF))
                start, freq = entry(table, s.to(tl.int32))
                tl.store(place, s.to(here.dtype.element_ty), mask=live)
                head, top = quick_pop(words, count, lane, head, top, live, start, freq, LOW)
    leave(heads, fill, debt, lane, live, head, top, owe)
