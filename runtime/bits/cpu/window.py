"""What the window coders share: the cell of a boundary, and raw bits beside a symbol.

A symbol is an int32 index v. Its window is the ``size`` coarse indices from ``origin`` on, around
the location, a coarse index being ``v >> fine``; symbol number ``size`` is the escape. Boundary i
of the window has

    C(i) = i + (S * (regular - size) >> 16),    S = sum of w_c F_c(boundary) in [0, 2**16],

with ``regular`` = 2**16 - 1, so every frequency is at least 1 and the escape's is exactly 1. A
bounded window has ``regular`` = 2**16 and no escape. What the window leaves out is
pushed first: the low ``fine`` bits, or after an escape the rank of v among the values outside
the window (v itself would not do: a pop could then yield a value that its push codes otherwise).
Tables and units are those of ``revc.runtime.bits.tables``.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.prf import borrow, repay

U = np.uint64


@njit(inline="always")
def inner(loc, radius):
    """The location, moved inwards where its window would leave int32."""
    limit = (2147483646 - radius) << 8
    return min(max(loc, -limit), limit)


@njit(inline="always")
def cell_of(boundary, loc, inverse, shift):
    """Cell of a CDF table that the left edge of index ``boundary`` falls in, clamped."""
    cell = (((boundary << 8) - 128 - loc) * inverse >> shift) + 2048
    return U(min(max(cell, 0), 4095))


@njit(inline="always")
def push_low(words, debt, seed, low, lane, head, top, value, bits):
    """Push the low ``bits`` <= 16 bits of ``value``; gives (head, top)."""
    due = int(head >= 1 << (low + 16 - bits))
    words[U(top + 1), lane] = head & 0xFFFF
    if top == 0 and due == 1:
        top -= repay(debt, seed, lane, head & 0xFFFF)
    return (head >> (due << 4) << bits) | (value & ((1 << bits) - 1)), top + due


@njit(inline="always")
def pop_low(words, debt, seed, low, lane, head, top, bits):
    """Undo ``push_low``; gives (value, head, top)."""
    value = head & ((1 << bits) - 1)
    head = head >> bits
    due = int(head < 1 << low)
    word = int(words[U(top), lane])
    if top == 0 and due == 1:
        word = borrow(debt, seed, lane)
        top = 1
    return value, (head << (due << 4)) | (word & -due), top - due


@njit(cache=True, nogil=True, error_model="numpy")
def push_raw(words, debt, seed, low, lane, head, top, value, bits):
    """Push the low ``bits`` <= 32 bits of ``value``, the lower half first; gives (head, top)."""
    head, top = push_low(words, debt, seed, low, lane, head, top, value, min(bits, 16))
    return push_low(words, debt, seed, low, lane, head, top, value >> 16, max(bits - 16, 0))


@njit(cache=True, nogil=True, error_model="numpy")
def pop_raw(words, debt, seed, low, lane, head, top, bits):
    """Undo ``push_raw``; gives (value, head, top)."""
    upper, head, top = pop_low(words, debt, seed, low, lane, head, top, max(bits - 16, 0))
    lower, head, top = pop_low(words, debt, seed, low, lane, head, top, min(bits, 16))
    return (upper << 16) | lower, head, top


@njit(cache=True, nogil=True, error_model="numpy")
def push_digit(words, debt, seed, low, lane, head, top, r, n):
    """Push ``r`` in [0, n), n <= 2**16, as ``uniform.push_uniform`` does; gives (head, top)."""
    due = int(head >= ((1 << low) // n) << 16)
    words[U(top + 1), lane] = head & 0xFFFF
    if top == 0 and due == 1:
        top -= repay(debt, seed, lane, head & 0xFFFF)
    top += due
    head = (head >> (due << 4)) * n + r
    due = int(head < 1 << low)
    word = int(words[U(top), lane])
    if top == 0 and due == 1:
        word = borrow(debt, seed, lane)
        top = 1
    return (head << (due << 4)) | (word & -due), top - due


@njit(cache=True, nogil=True, error_model="numpy")
def pop_digit(words, debt, seed, low, lane, head, top, n):
    """Undo ``push_digit``; gives (r, head, top).

    A head that is too high would emit a word, and be so low afterwards that it fetches it again.
    The word stays in the head: no pop writes to the stack, which ``BitStack.rewind`` counts on.
    """
    if head >= ((1 << low) // n * n) << 16:
        upper = head >> 16
        return upper % n, ((upper // n) << 16) | (head & 0xFFFF), top
    r = head % n
    head = head // n
    due = int(head < 1 << low)
    word = int(words[U(top), lane])
    if top == 0 and due == 1:
        word = borrow(debt, seed, lane)
        top = 1
    return r, (head << (due << 4)) | (word & -due), top - due


@njit(cache=True, nogil=True, error_model="numpy")
def push_escape(words, debt, seed, low, lane, head, top, value, end, inside):
    """Push the rank of ``value`` among the int32 values outside a window; gives (head, top).

    The window is the ``inside`` values below ``end``; ranks count from ``end`` on, around the
    circle of int32. The upper digit of the rank is pushed last; the lower one has a smaller base
    under the last upper digit.
    """
    outside = (1 << 32) - inside
    rank = (value - end) & 0xFFFFFFFF
    upper = (outside + 0xFFFF) >> 16
    base = min(outside - (rank >> 16 << 16), 65536)
    head, top = push_digit(words, debt, seed, low, lane, head, top, rank & 0xFFFF, base)
    return push_digit(words, debt, seed, low, lane, head, top, rank >> 16, upper)


@njit(cache=True, nogil=True, error_model="numpy")
def pop_escape(words, debt, seed, low, lane, head, top, end, inside):
    """Undo ``push_escape``; gives (value, head, top)."""
    outside = (1 << 32) - inside
    upper = (outside + 0xFFFF) >> 16
    high, head, top = pop_digit(words, debt, seed, low, lane, head, top, upper)
    base = min(outside - (high << 16), 65536)
    rest, head, top = pop_digit(words, debt, seed, low, lane, head, top, base)
    value = (end + (high << 16) + rest) & 0xFFFFFFFF
    return value - ((value >> 31) << 32), head, top
