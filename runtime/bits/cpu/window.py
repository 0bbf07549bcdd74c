"""What the window coders share: the cell of a boundary, and raw bits beside a symbol.

A symbol is an int32 index v. Its window is the ``size`` coarse indices from ``origin`` on, around
the location, a coarse index being ``v >> fine``; symbol number ``size`` is the escape. Boundary i
of the window has

    C(i) = i + (S * (2**16 - size - 1) >> 16),    S = sum of w_c F_c(boundary) in [0, 2**16],

so every frequency is at least 1 and the escape's is exactly 1. What the window leaves out follows
as raw bits: the low ``fine`` bits, or all 32 bits after an escape. They are pushed first. Tables
and units are those of ``revc.runtime.bits.tables``.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay

U = np.uint64


@njit(inline="always")
def cell_of(boundary, loc, inverse, shift):
    """Cell of a CDF table that the left edge of index ``boundary`` falls in, clamped."""
    cell = (((boundary << 8) - 128 - loc) * inverse >> shift) + 2048
    return U(min(max(cell, 0), 4095))


@njit(cache=True, nogil=True, error_model="numpy")
def push_raw(words, debt, seed, low, lane, head, top, value, bits):
    """Push ``bits`` <= 32 raw bits, the upper part first; gives (head, top)."""
    for part in range(2):
        width = max(bits - 16, 0) if part == 0 else min(bits, 16)
        digit = (value >> 16 if part == 0 else value) & ((1 << width) - 1)
        due = int(head >= 1 << (low + 16 - width))
        words[U(top + 1), lane] = head & 0xFFFF
        if top == 0 and due == 1:
            top -= repay(debt, seed, lane, head & 0xFFFF)
        head = (head >> (due << 4) << width) | digit
        top += due
    return head, top


@njit(cache=True, nogil=True, error_model="numpy")
def pop_raw(words, debt, seed, low, lane, head, top, bits):
    """Undo ``push_raw``; gives (value, head, top)."""
    value = 0
    for part in range(2):
        width = min(bits, 16) if part == 0 else max(bits - 16, 0)
        value |= (head & ((1 << width) - 1)) << (16 * part)
        head >>= width
        due = int(head < 1 << low)
        word = int(words[U(top), lane])
        if top == 0 and due == 1:
            word = borrow(debt, seed, lane)
            top = 1
        head = (head << (due << 4)) | (word & -due)
        top -= due
    return value, head, top
