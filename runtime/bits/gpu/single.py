"""One integer logistic or Gaussian per symbol in Triton; the algorithm of ``cpu.single``.

Boundaries of a window are linear in their number before they are shifted to a cell of the table,
so that a probe is a product, a shift and a load.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.beside import pop_beside, push_beside
from revc.runtime.bits.gpu.lane import at, enter, kernel, leave, pop_interval, push_interval


@triton.jit
def window(loc, scale, inverse, shift, radius, coarse, e, on):
    """Windows of elements ``e``; gives (fine, origin, size, first, step, down, edge), all int64.

    Boundary i is in cell ``first + i * step >> down`` of the table; ``edge`` is the distance of
    boundary 0 from the location, in 2**-8 steps.
    """
    n = tl.load(scale + e, mask=on, other=0).to(tl.int32)
    reach, fine = tl.load(radius + n), tl.load(coarse + n)
    limit = (2147483646 - reach) << 8
    mean = tl.load(loc + e, mask=on, other=0)
    mean = tl.minimum(tl.maximum(mean, -limit), limit)
    origin = ((mean >> 8) - reach) >> fine
    size = (((mean >> 8) + reach + 1) >> fine) - origin + 1
    edge = ((origin << fine) << 8) - 128 - mean
    rate, down = tl.load(inverse + n), tl.load(shift + n)
    one = tl.full([1], 1, tl.int64)
    first = edge * rate + (2048 * (one << down))
    return fine, origin, size, first, rate << (fine + 8), down, edge


@triton.jit
def bound(i, first, step, down, span, cdf):
    """C(i) of a window, int32: 2**16 times the leaky CDF at boundary ``i`` int32."""
    cell = (first + i.to(tl.int64) * step) >> down
    cell = tl.minimum(tl.maximum(cell, 0), 4095).to(tl.int32)
    mass = tl.load(cdf + cell).to(tl.uint32)
    return i + ((mass * span.to(tl.uint32)) >> 16).to(tl.int32)


@kernel
def push_single(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, loc, scale, regular, cdf, inverse, shift, radius, coarse,
    LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` [B, elements] by parameters [B, elements]; 2**16 points less an escape's
    are ``regular``.
    """
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for t in range(first, last):
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        v = tl.load(symbols + e, mask=on, other=0).to(tl.int64)
        fine, origin, size, zero, step, down, _edge = window(
            loc, scale, inverse, shift, radius, coarse, e, on
        )
        index = (v >> fine) - origin
        escaped = (index < 0) | (index >= size)
        head, top, owe = push_beside(
            words, count, seed, lane, head, top, owe, on, v, escaped, fine, origin, size, LOW
        )
        inside = tl.where(escaped, 0, index).to(tl.int32)
        span = (regular - size).to(tl.int32)
        start = bound(inside, zero, step, down, span, cdf)
        freq = bound(inside + 1, zero, step, down, span, cdf) - start
        start = tl.where(escaped, 65535, start).to(tl.int64)
        freq = tl.where(escaped, 1, freq).to(tl.int64)
        head, top, owe = push_interval(
            words, count, seed, lane, head, top, owe, on, start, freq, 1.0 / freq.to(tl.float64),
            LOW, True,
        )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def guess(point, edge, fine, size, down, rate, quantile):
    """The symbol that probably is at ``point``, int32, by the quantile of the distribution.

    The second look takes the leak of the symbols below off the point: it is exact for 99 of 100.
    """
    width = tl.exp2(down.to(tl.float32)) / rate.to(tl.float32)
    cell = tl.load(quantile + (point >> 4)).to(tl.float32)
    i = (((cell * width).to(tl.int64) - edge) >> (fine + 8)).to(tl.int32)
    rest = tl.maximum(point - tl.minimum(tl.maximum(i, 0), size - 1), 0)
    rest = tl.minimum(rest + ((rest.to(tl.uint32) * size.to(tl.uint32)) >> 16).to(tl.int32), 65535)
    cell = tl.load(quantile + (rest >> 4)).to(tl.float32)
    i = (((cell * width).to(tl.int64) - edge) >> (fine + 8)).to(tl.int32)
    return tl.minimum(tl.maximum(i, 0), size - 1)


@triton.jit
def bisect(point, size, zero, step, down, span, cdf):
    """(symbol, start, stop) at ``point``: nine halvings for at most 258 symbols."""
    i, above = tl.zeros_like(size), size + 1
    start, stop = tl.zeros_like(size), tl.zeros_like(size) + 65536
    for _ in range(9):
        middle = (i + above) >> 1
        got = bound(middle, zero, step, down, span, cdf)
        found = got <= point
        start, i = tl.where(found, got, start), tl.where(found, middle, i)
        stop, above = tl.where(found, stop, got), tl.where(found, above, middle)
    return i, start, stop


@triton.jit
def search(point, edge, fine, size, zero, step, down, span, cdf, quantile, on):
    """(symbol, start, stop) at ``point``, all int32: a guess, two steps from it, or a bisection.

    Idle lanes are never off their symbol.
    """
    rate = step >> (fine + 8)
    i = guess(point, edge, fine, size, down, rate, quantile)
    start = bound(i, zero, step, down, span, cdf)
    stop = bound(i + 1, zero, step, down, span, cdf)
    for _ in range(2):
        over, under = on & (start > point), on & (stop <= point)
        if tl.max((over | under).to(tl.int32), 0) > 0:
            target = tl.where(under, i + 2, i - 1)
            got = bound(target, zero, step, down, span, cdf)
            got = tl.where(target > size, 65536, got)
            stop, start = (
                tl.where(under, got, tl.where(over, start, stop)),
                tl.where(under, stop, tl.where(over, got, start)),
            )
            i += under.to(tl.int32) - over.to(tl.int32)
    off = on & ((start > point) | (stop <= point))
    if tl.max(off.to(tl.int32), 0) > 0:
        place, low, high = bisect(point, size, zero, step, down, span, cdf)
        i = tl.where(off, place, i)
        start, stop = tl.where(off, low, start), tl.where(off, high, stop)
    return i, start, stop


@kernel
def pop_single(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, loc, scale, regular, cdf, inverse, shift, radius, coarse, quantile,
    LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_single``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for back in range(0, last - first):
        t = last - 1 - back
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        fine, origin, size, zero, step, down, edge = window(
            loc, scale, inverse, shift, radius, coarse, e, on
        )
        point = (head & 0xFFFF).to(tl.int32)
        i, start, stop = search(
            point, edge, fine, size.to(tl.int32), zero, step, down,
            (regular - size).to(tl.int32), cdf, quantile, on,
        )  # fmt: skip
        head, top, owe = pop_interval(
            words, count, seed, lane, head, top, owe, on, start.to(tl.int64),
            (stop - start).to(tl.int64), LOW, True,
        )  # fmt: skip
        place = i.to(tl.int64)
        value, head, top, owe = pop_beside(
            words, count, seed, lane, head, top, owe, on, place, fine, origin, size, LOW
        )
        tl.store(symbols + e, value.to(symbols.dtype.element_ty), mask=on)
    leave(heads, fill, debt, lane, live, head, top, owe)
