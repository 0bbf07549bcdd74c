"""One integer logistic or Gaussian per symbol, in a window (see ``window``)."""

# mypy: disallow-untyped-defs=False
# ruff: noqa: SIM102
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay
from revc.runtime.bits.cpu.window import (
    cell_of,
    inner,
    pop_escape,
    pop_low,
    pop_raw,
    push_escape,
    push_low,
    push_raw,
)

U = np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def push_beside(
    words, debt, seed, low, lane, head, top, v, mean, n, regular,
    cdf, inverse, shift, radius, coarse,
):  # fmt: skip
    """Push what lies beside a symbol's interval, for any symbol; gives (start, freq, head, top)."""
    mean, fine, inv, sh = inner(mean, radius[n]), coarse[n], inverse[n], shift[n]
    origin = ((mean >> 8) - radius[n]) >> fine
    size = (((mean >> 8) + radius[n] + 1) >> fine) - origin + 1
    i = (v >> fine) - origin
    if i < 0 or i >= size:
        end = (origin + size) << fine
        head, top = push_escape(words, debt, seed, low, lane, head, top, v, end, size << fine)
        return 65535, 1, head, top
    span, edge = regular - size, (v >> fine) << fine
    start = i + (cdf[cell_of(edge, mean, inv, sh)] * span >> 16)
    stop = i + 1 + (cdf[cell_of(edge + (1 << fine), mean, inv, sh)] * span >> 16)
    head, top = push_raw(words, debt, seed, low, lane, head, top, v, fine)
    return start, stop - start, head, top


@njit(cache=True, nogil=True, error_model="numpy")
def push_single(
    words, heads, fill, debt, seed, low, lanes, first, last, symbols,
    loc, scale, regular, cdf, inverse, shift, radius, coarse,
):  # fmt: skip
    """Push ``symbols`` int32 [B, E] by (loc int64, scale uint8) [B, E]: one component.

    ``regular`` is 65535 with an escape and 65536 without: then all symbols lie in their windows.
    Most symbols take the short way: both boundaries lie in the table, far from the ends of int32,
    and at most 16 raw bits lie beside the interval.
    """
    for b in range(symbols.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                n, mean, v = U(scale[U(b), e]), loc[U(b), e], int(symbols[U(b), e])
                head, top, inv, sh = heads[lane], fill[lane], inverse[n], shift[n]
                fine, middle = coarse[n], mean >> 8
                origin = (middle - radius[n]) >> fine
                i, size = (v >> fine) - origin, ((middle + radius[n] + 1) >> fine) - origin + 1
                distance = (((v >> fine) << (fine + 8)) - 128 - mean) * inv
                below = (distance >> sh) + 2048
                above = ((distance + (inv << (fine + 8))) >> sh) + 2048
                near = (U(mean + (1 << 37)) < U(1 << 38)) & (fine <= 16) & (U(i) < U(size))
                if (U(below) < U(4096)) & (U(above) < U(4096)) & near:
                    span = regular - size
                    start = i + (cdf[U(below)] * span >> 16)
                    freq = i + 1 + (cdf[U(above)] * span >> 16) - start
                    if fine > 0:
                        head, top = push_low(words, debt, seed, low, lane, head, top, v, fine)
                else:
                    start, freq, head, top = push_beside(
                        words, debt, seed, low, lane, head, top, v, mean, n, regular,
                        cdf, inverse, shift, radius, coarse,
                    )  # fmt: skip
                due = int(head >= freq << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                head = head >> (due << 4)
                heads[lane] = int((head + 0.5) * (1.0 / freq)) * (65536 - freq) + head + start
                fill[lane] = top + due


@njit(cache=True, nogil=True, error_model="numpy")
def pop_single(
    words, heads, fill, debt, seed, low, lanes, first, last, symbols,
    loc, scale, regular, cdf, inverse, shift, radius, coarse, quantile,
):  # fmt: skip
    """Undo ``push_single``: guess the symbol from the quantile, then walk to its interval."""
    for b in range(symbols.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top = heads[lane], fill[lane]
                n = U(scale[U(b), e])
                mean = inner(loc[U(b), e], radius[n])
                fine, inv, sh = coarse[n], inverse[n], shift[n]
                origin = ((mean >> 8) - radius[n]) >> fine
                size = (((mean >> 8) + radius[n] + 1) >> fine) - origin + 1
                span, point = regular - size, head & 0xFFFF
                guess = quantile[U(point >> 4)] * (1 << sh) / inv
                i = ((mean + int(guess) + 128) >> 8 >> fine) - origin
                i = min(max(i, 0), size - 1)
                start = i + (cdf[cell_of((origin + i) << fine, mean, inv, sh)] * span >> 16)
                while start > point:
                    i -= 1
                    start = i + (cdf[cell_of((origin + i) << fine, mean, inv, sh)] * span >> 16)
                stop = i + 1 + (cdf[cell_of((origin + i + 1) << fine, mean, inv, sh)] * span >> 16)
                while stop <= point:
                    i += 1
                    start = stop
                    nxt = cell_of((origin + i + 1) << fine, mean, inv, sh)
                    stop = i + 1 + (cdf[nxt] * span >> 16) if i < size else 65536
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
                elif fine > 16:
                    rest, head, top = pop_raw(words, debt, seed, low, lane, head, top, fine)
                    value |= rest
                elif fine > 0:
                    rest, head, top = pop_low(words, debt, seed, low, lane, head, top, fine)
                    value |= rest
                symbols[U(b), e] = value
                heads[lane], fill[lane] = head, top
