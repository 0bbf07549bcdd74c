"""Uniform digits, and the exact scaling that exchanges one digit for another.

Conventions as in ``table``. A digit's base ``n`` is int64 [B, E], or [1, 1] for one base shared
by all; it lies in [1, 2**16].

A digit is pushed from ``[share, 2**16 share)`` to ``[share n, 2**16 share n)`` with share =
2**low // n. Whether a head is too high for the first takes a product, not a quotient:
``head >= share << 16`` where ``((head >> 16) + 1) n > 2**low``. The other ends of the two ranges
lie within n << 16 of those of a head, and a head between them is so rare that it has a branch of
its own (``below``, ``above`` and ``pop_digit``).
"""

# mypy: disallow-untyped-defs=False
# ruff: noqa: SIM102
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay
from revc.runtime.bits.cpu.window import pop_digit

U = np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def below(words, debt, seed, lane, head, top):
    """Fetch a word for a head that a push left too low; gives (head, top)."""
    if top == 0:
        return (head << 16) | borrow(debt, seed, lane), 0
    return (head << 16) | int(words[U(top), lane]), top - 1


@njit(cache=True, nogil=True, error_model="numpy")
def above(words, debt, seed, low, lane, head, top, n):
    """Emit a word of a head if it is too high for a pop; gives (head, top)."""
    if head < ((1 << low) // n * n) << 16:
        return head, top
    if top == 0 and repay(debt, seed, lane, head & 0xFFFF) == 1:
        return head >> 16, top
    words[U(top + 1), lane] = head & 0xFFFF
    return head >> 16, top + 1


@njit(cache=True, nogil=True, error_model="numpy")
def push_uniform(words, heads, fill, debt, seed, low, lanes, first, last, symbols, n):
    """Push ``symbols`` int [B, E], each below its own base."""
    own = int(n.size > 1)
    for b in range(symbols.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top, m = heads[lane], fill[lane], n[U(b * own), e * U(own)]
                due = int(((head >> 16) + 1) * m > 1 << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                top += due
                head = (head >> (due << 4)) * m + int(symbols[U(b), e])
                if head < 1 << low:
                    head, top = below(words, debt, seed, lane, head, top)
                heads[lane] = head
                fill[lane] = top


@njit(cache=True, nogil=True, error_model="numpy")
def pop_uniform(words, heads, fill, debt, seed, low, lanes, first, last, symbols, n):
    """Undo ``push_uniform``."""
    own = int(n.size > 1)
    for b in range(symbols.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top, m = heads[lane], fill[lane], n[U(b * own), e * U(own)]
                if head + (m << 16) >= 1 << (low + 16):
                    r, head, top = pop_digit(words, debt, seed, low, lane, head, top, m)
                    symbols[U(b), e], heads[lane], fill[lane] = r, head, top
                    continue
                quotient = int((head + 0.5) * (1.0 / m))
                symbols[U(b), e] = head - quotient * m
                due = int(quotient < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                heads[lane] = (quotient << (due << 4)) | (word & -due)
                fill[lane] = top - due


@njit(cache=True, nogil=True, error_model="numpy")
def scale(words, heads, fill, debt, seed, low, lanes, first, last, x, n, k):
    """Replace ``x`` int [B, E] by x * n / 2**k: pop a digit of base n, push one of base 2**k."""
    own = int(n.size > 1)
    for b in range(x.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, x.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top, m = heads[lane], fill[lane], n[U(b * own), e * U(own)]
                if head + (m << 16) >= 1 << (low + 16):
                    head, top = above(words, debt, seed, low, lane, head, top, m)
                quotient = int((head + 0.5) * (1.0 / m))
                v = int(x[U(b), e]) * m + head - quotient * m
                x[U(b), e] = v >> k
                due = int(quotient < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                head = (quotient << (due << 4)) | (word & -due)
                top -= due
                due = int(head >= 1 << (low + 16 - k))
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                heads[lane] = (head >> (due << 4) << k) | (v & ((1 << k) - 1))
                fill[lane] = top + due


@njit(cache=True, nogil=True, error_model="numpy")
def unscale(words, heads, fill, debt, seed, low, lanes, first, last, y, n, k):
    """Undo ``scale``, last step first; the quotient of a negative value rounds down."""
    own = int(n.size > 1)
    for b in range(y.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, y.shape[1] - base)
            for j in range(active):
                lane, e = U(b * lanes + j), U(base + j)
                head, top, m = heads[lane], fill[lane], n[U(b * own), e * U(own)]
                v = (int(y[U(b), e]) << k) | (head & ((1 << k) - 1))
                head = head >> k
                due = int(head < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                head = (head << (due << 4)) | (word & -due)
                top -= due
                quotient = int(np.floor((v + 0.5) * (1.0 / m)))
                y[U(b), e] = quotient
                due = int(((head >> 16) + 1) * m > 1 << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                top += due
                head = (head >> (due << 4)) * m + v - quotient * m
                if head < 1 << low:
                    head, top = below(words, debt, seed, lane, head, top)
                heads[lane] = head
                fill[lane] = top
