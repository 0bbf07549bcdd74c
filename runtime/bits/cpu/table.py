"""Coding with tables of integer frequencies: one shared table, or a row of a table per symbol.

Conventions of all numba kernels. The stack comes as words uint16 [capacity, N], heads, fill and
debt int64 [N], seed, low, lanes. Element ``e`` of sequence ``b`` belongs to lane
``b * lanes + e % lanes`` and to step ``e // lanes``; a call works on steps ``first .. last - 1``,
pops from the last one down. Row 0 of ``words`` is scratch, word ``i`` of a stack is in row
``i + 1``: so the row at ``fill`` can be read before it is known whether a word is due, and the
row above can be written. The one branch left asks for the floor, where a lane either sits for
long or not at all. Indices are uint64 because numba guards signed ones against wrapping, and no
helper takes arrays in the common path, because that counts references; together a factor of 3.

``int((head + 0.5) * (1.0 / freq))`` is the exact quotient: two roundings move it by less than
2**48 / freq * 2**-52 = 1 / (16 freq), while the half keeps it 1 / (2 freq) off any integer.
"""

# mypy: disallow-untyped-defs=False
# ruff: noqa: SIM102
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay

U = np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def push_table(words, heads, fill, debt, seed, low, lanes, first, last, symbols, start, freq, rcp):
    """Push ``symbols`` int [B, E] by the table (start, freq int64 [K], rcp float64 [K])."""
    for b in range(symbols.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane = U(b * lanes + j)
                s = U(symbols[U(b), U(base + j)])
                head, top, f = heads[lane], fill[lane], freq[s]
                due = int(head >= f << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                head = head >> (due << 4)
                heads[lane] = int((head + 0.5) * rcp[s]) * (65536 - f) + head + start[s]
                fill[lane] = top + due


@njit(cache=True, nogil=True, error_model="numpy")
def pop_table(words, heads, fill, debt, seed, low, lanes, first, last, symbols, start, freq, find):
    """Undo ``push_table``; ``find`` int32 [2**16] gives the symbol at each point."""
    for b in range(symbols.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane = U(b * lanes + j)
                head, top = heads[lane], fill[lane]
                s = find[U(head & 0xFFFF)]
                symbols[U(b), U(base + j)] = s
                head = freq[U(s)] * (head >> 16) + (head & 0xFFFF) - start[U(s)]
                due = int(head < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                heads[lane] = (head << (due << 4)) | (word & -due)
                fill[lane] = top - due


@njit(cache=True, nogil=True, error_model="numpy")
def push_rows(words, heads, fill, debt, seed, low, lanes, first, last, symbols, cdf, row):
    """Push ``symbols`` int [B, E], each by the row ``row[b, e]`` of ``cdf`` int32 [R, K + 1]."""
    for b in range(symbols.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                s, r = U(symbols[U(b), e]), U(row[U(b), e])
                start = int(cdf[r, s])
                freq = int(cdf[r, s + U(1)]) - start
                head, top = heads[lane], fill[lane]
                due = int(head >= freq << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                head = head >> (due << 4)
                heads[lane] = int((head + 0.5) * (1.0 / freq)) * (65536 - freq) + head + start
                fill[lane] = top + due


@njit(cache=True, nogil=True, error_model="numpy")
def pop_rows(words, heads, fill, debt, seed, low, lanes, first, last, symbols, cdf, row):
    """Undo ``push_rows`` by bisection in the symbol's row."""
    for b in range(symbols.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top, r = heads[lane], fill[lane], U(row[U(b), e])
                s, above = 0, cdf.shape[1] - 1
                while above - s > 1:
                    middle = (s + above) >> 1
                    right = int(cdf[r, U(middle)] <= head & 0xFFFF)
                    s += (middle - s) * right
                    above -= (above - middle) * (1 - right)
                symbols[U(b), e] = s
                start = int(cdf[r, U(s)])
                freq = int(cdf[r, U(s + 1)]) - start
                head = freq * (head >> 16) + (head & 0xFFFF) - start
                due = int(head < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                heads[lane] = (head << (due << 4)) | (word & -due)
                fill[lane] = top - due
