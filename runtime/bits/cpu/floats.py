"""Patterns of 16-bit floats: a mantissa digit and a class from a table, in one pass.

Conventions as in ``table``, digits as in ``uniform``, classes as in ``dist.floats``: (sign,
exponent) for most values, two more for the zeros; subnormals have one mantissa less.
"""

# mypy: disallow-untyped-defs=False
# ruff: noqa: SIM102
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay
from revc.runtime.bits.cpu.uniform import below
from revc.runtime.bits.cpu.window import pop_digit

U = np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def push_floats(
    words, heads, fill, debt, seed, low, lanes, first, last, symbols,
    start, freq, rcp, exponent, mantissa,
):  # fmt: skip
    """Push ``symbols`` int16 [B, E] with so many exponent and mantissa bits."""
    zeros, mask = 2 << exponent, (1 << mantissa) - 1
    for b in range(symbols.shape[0]):
        for t in range(first, last):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane = U(b * lanes + j)
                head, top = heads[lane], fill[lane]
                bits = int(symbols[U(b), U(base + j)]) & 0xFFFF
                s, m, r = bits >> mantissa, mask + 1, bits & mask
                if s & ((zeros >> 1) - 1) == 0:
                    if r == 0:
                        s, m = zeros + (bits >> 15), 1
                    else:
                        m, r = mask, r - 1
                due = int(((head >> 16) + 1) * m > 1 << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                top += due
                head = (head >> (due << 4)) * m + r
                if head < 1 << low:
                    head, top = below(words, debt, seed, lane, head, top)
                f = freq[U(s)]
                due = int(head >= f << low)
                words[U(top + 1), lane] = head & 0xFFFF
                if top == 0:
                    if due == 1:
                        top -= repay(debt, seed, lane, head & 0xFFFF)
                head = head >> (due << 4)
                heads[lane] = int((head + 0.5) * rcp[U(s)]) * (65536 - f) + head + start[U(s)]
                fill[lane] = top + due


@njit(cache=True, nogil=True, error_model="numpy")
def pop_floats(
    words, heads, fill, debt, seed, low, lanes, first, last, symbols,
    start, freq, find, exponent, mantissa,
):  # fmt: skip
    """Undo ``push_floats``; ``find`` int32 [2**16] gives the class at each point."""
    zeros, mask = 2 << exponent, (1 << mantissa) - 1
    for b in range(symbols.shape[0]):
        for t in range(last - 1, first - 1, -1):
            base = t * lanes
            active = min(lanes, symbols.shape[1] - base)
            for j in range(active):
                lane = U(b * lanes + j)
                head, top = heads[lane], fill[lane]
                s = int(find[U(head & 0xFFFF)])
                head = freq[U(s)] * (head >> 16) + (head & 0xFFFF) - start[U(s)]
                due = int(head < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                head = (head << (due << 4)) | (word & -due)
                top -= due
                m, least = mask + 1, 0
                if s >= zeros:
                    m, s = 1, (s - zeros) << exponent
                elif s & ((zeros >> 1) - 1) == 0:
                    m, least = mask, 1
                if head + (m << 16) >= 1 << (low + 16):
                    r, head, top = pop_digit(words, debt, seed, low, lane, head, top, m)
                    symbols[U(b), U(base + j)] = np.int16(np.uint16((s << mantissa) | (r + least)))
                    heads[lane], fill[lane] = head, top
                    continue
                quotient = int((head + 0.5) * (1.0 / m))
                r = head - quotient * m + least
                symbols[U(b), U(base + j)] = np.int16(np.uint16((s << mantissa) | r))
                due = int(quotient < 1 << low)
                word = int(words[U(top), lane])
                if top == 0:
                    if due == 1:
                        word = borrow(debt, seed, lane)
                        top = 1
                heads[lane] = (quotient << (due << 4)) | (word & -due)
                fill[lane] = top - due
