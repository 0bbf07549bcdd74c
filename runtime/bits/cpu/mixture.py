"""A mixture of integer logistics or Gaussians per symbol (see ``window``).

Parameters per symbol and component: weight int32 (sums to 2**16), loc int64 in 2**-8 index units,
scale uint8. The window spans the reach of every component.
"""

# mypy: disallow-untyped-defs=False
# ruff: noqa: SIM102
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay
from revc.runtime.bits.cpu.window import cell_of, inner, pop_escape, pop_raw, push_escape, push_raw

U = np.uint64


@njit(inline="always")
def window(loc, scale, radius, b, e):
    """Window that holds every component; gives (fine, origin, size)."""
    low_end, high_end = np.int64(1) << 62, -(np.int64(1) << 62)
    for c in range(loc.shape[2]):
        reach = radius[U(scale[b, e, U(c)])]
        mean = inner(loc[b, e, U(c)], reach) >> 8
        low_end = min(low_end, mean - reach)
        high_end = max(high_end, mean + reach + 1)
    fine = 0
    while (high_end - low_end) >> fine > 255:
        fine += 1
    origin = low_end >> fine
    return fine, origin, (high_end >> fine) - origin + 1


@njit(cache=True, nogil=True, error_model="numpy")
def all_inside(symbols, loc, scale, radius):
    """Whether each of ``symbols`` int [B, E] lies in its window by parameters [B, E, C]."""
    outside = 0
    for b in range(symbols.shape[0]):
        for e in range(symbols.shape[1]):
            fine, origin, size = window(loc, scale, radius, U(b), U(e))
            outside += int(U((int(symbols[U(b), U(e)]) >> fine) - origin) >= U(size))
    return outside == 0


@njit(inline="always")
def mass(edge, weight, loc, scale, cdf, inverse, shift, radius, b, e):
    """2**16 times the mixture's CDF at the left edge of index ``edge``, rounded down."""
    total = np.int64(0)
    for c in range(loc.shape[2]):
        n = U(scale[b, e, U(c)])
        cell = cell_of(edge, inner(loc[b, e, U(c)], radius[n]), inverse[n], shift[n])
        total += int(weight[b, e, U(c)]) * int(cdf[cell])
    return total >> 16


@njit(inline="always")
def bounds(i, fine, origin, span, weight, loc, scale, cdf, inverse, shift, radius, b, e):
    """C(i) and C(i + 1) of the window: where symbol ``i``, or the escape, begins and ends."""
    below, above = np.int64(0), np.int64(0)
    edge = (((origin + i) << fine) << 8) - 128
    for c in range(loc.shape[2]):
        n = U(scale[b, e, U(c)])
        share, down = int(weight[b, e, U(c)]), shift[n]
        distance = (edge - inner(loc[b, e, U(c)], radius[n])) * inverse[n]
        below += share * int(cdf[U(min(max((distance >> down) + 2048, 0), 4095))])
        distance += inverse[n] << (fine + 8)
        above += share * int(cdf[U(min(max((distance >> down) + 2048, 0), 4095))])
    return i + ((below >> 16) * span >> 16), i + 1 + ((above >> 16) * span >> 16)


@njit(cache=True, nogil=True, error_model="numpy")
def boundaries(weight, loc, scale, regular, cdf, inverse, shift, radius, out):
    """Fill ``out`` int64 [B, E, 258] with C(i) of windows [B, E, C]; see ``bits.window``."""
    for b in range(out.shape[0]):
        for e in range(out.shape[1]):
            fine, origin, size = window(loc, scale, radius, U(b), U(e))
            for i in range(out.shape[2]):
                place = min(i, size)
                edge = (origin + place) << fine
                got = mass(edge, weight, loc, scale, cdf, inverse, shift, radius, U(b), U(e))
                out[U(b), U(e), U(i)] = place + (got * (regular - size) >> 16)


@njit(cache=True, nogil=True, error_model="numpy")
def push_mixture(
    words, heads, fill, debt, seed, low, lanes, first, last, symbols,
    weight, loc, scale, regular, cdf, inverse, shift, radius,
):  # fmt: skip
    """Push ``symbols`` int32 [B, E] by parameters [B, E, C]."""
    for b in range(symbols.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top, v = heads[lane], fill[lane], int(symbols[U(b), e])
                fine, origin, size = window(loc, scale, radius, U(b), e)
                i = (v >> fine) - origin
                escaped = i < 0 or i >= size
                start, freq = 65535, 1
                if not escaped:
                    start, stop = bounds(
                        i, fine, origin, regular - size, weight, loc, scale, cdf, inverse, shift,
                        radius, U(b), e,
                    )  # fmt: skip
                    freq = stop - start
                if escaped:
                    end = (origin + size) << fine
                    head, top = push_escape(
                        words, debt, seed, low, lane, head, top, v, end, size << fine
                    )
                elif fine > 0:
                    head, top = push_raw(words, debt, seed, low, lane, head, top, v, fine)
                due = int(head >= freq << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                head = head >> (due << 4)
                heads[lane] = int((head + 0.5) * (1.0 / freq)) * (65536 - freq) + head + start
                fill[lane] = top + due


@njit(inline="always")
def guess(point, fine, origin, size, weight, loc, scale, rates, quantile, b, e):
    """The mean of the components' quantiles at a point, as a symbol of the window."""
    edge, cell, total = (((origin << fine) << 8) - 128), quantile[U(point >> 4)], 0.0
    for c in range(loc.shape[2]):
        n = U(scale[b, e, U(c)])
        place = cell / rates[n] + (loc[b, e, U(c)] - edge)
        total += weight[b, e, U(c)] * place
    total = total / 65536 / (1 << (fine + 8))
    return int(min(max(total, 0.0), float(size - 1)))


@njit(inline="always")
def search(
    point, fine, origin, size, regular, weight, loc, scale, cdf, inverse, shift, radius, rates,
    quantile, b, e,
):  # fmt: skip
    """(symbol, start, stop) at ``point`` by Newton's method on the integer CDF, from a guess.

    Its slope at a symbol is the symbol's frequency. Symbols in [``low``, ``above``) are left; a
    step out of them, or the ninth, is to their middle.
    """
    i = guess(point, fine, origin, size, weight, loc, scale, rates, quantile, b, e)
    low, above, left, span = 0, size + 1, 8, regular - size
    while True:
        start, stop = bounds(
            i, fine, origin, span, weight, loc, scale, cdf, inverse, shift, radius, b, e
        )
        if start > point:
            above = i
        elif stop <= point:
            low = i + 1
        else:
            return i, start, stop
        to = i + (point - start) // max(stop - start, 1)  # no symbol follows a bounded window
        left -= 1
        i = to if low <= to < above and left > 0 else (low + above) >> 1


@njit(cache=True, nogil=True, error_model="numpy")
def pop_mixture(
    words, heads, fill, debt, seed, low, lanes, first, last, symbols,
    weight, loc, scale, regular, cdf, inverse, shift, radius, rates, quantile, _curve,
):  # fmt: skip
    """Undo ``push_mixture``."""
    for b in range(symbols.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top = heads[lane], fill[lane]
                fine, origin, size = window(loc, scale, radius, U(b), e)
                point = head & 0xFFFF
                i, start, stop = search(
                    point, fine, origin, size, regular, weight, loc, scale, cdf, inverse, shift,
                    radius, rates, quantile, U(b), e,
                )  # fmt: skip
                head = (stop - start) * (head >> 16) + point - start
                due = int(head < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                head = (head << (due << 4)) | (word & -due)
                top -= due
                value = (origin + i) << fine
                if i == size:
                    value, head, top = pop_escape(
                        words, debt, seed, low, lane, head, top, value, size << fine
                    )
                elif fine > 0:
                    rest, head, top = pop_raw(words, debt, seed, low, lane, head, top, fine)
                    value |= rest
                symbols[U(b), e] = value
                heads[lane], fill[lane] = head, top
