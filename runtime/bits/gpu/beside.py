"""What windows leave out, in Triton: low bits, or after an escape the rank, beside a symbol.

Low bits are shifted in and out, sixteen at a time; where a lane of the block escapes, all go the
way of two uniform digits: a power of two as a base leaves the same words as a shift.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import emit, fetch, pop_digit, push_digit


@triton.jit
def any_of(mask):
    """Whether any lane of a block is in ``mask``."""
    return tl.max(mask.to(tl.int32), 0) > 0


@triton.jit
def rest_bases(escaped, fine, size, upper):
    """Bases of the two digits beside a symbol, the lower one under the digit ``upper``."""
    outside = (tl.full([1], 1, tl.int64) << 32) - (size << fine)
    one = tl.full([1], 1, tl.int64)
    lower = tl.where(escaped, outside - (upper << 16), one << fine)
    upper_base = tl.where(escaped, (outside + 0xFFFF) >> 16, one << tl.maximum(fine - 16, 0))
    return tl.minimum(lower, 65536), upper_base


@triton.jit
def push_bits(words, count, seed, lane, head, top, owe, on, value, bits, LOW: tl.constexpr):
    """Push the low ``bits`` <= 16 bits of ``value``; gives (head, top, owe)."""
    one = tl.full([1], 1, tl.int64)
    due = on & (head >> (LOW + 16 - bits) > 0)
    head, top, owe = emit(words, count, seed, lane, head, top, owe, due, True)
    low = value & ((one << bits) - 1)
    return tl.where(on, (head << bits) | low, head), top, owe


@triton.jit
def pop_bits(words, count, seed, lane, head, top, owe, on, bits, LOW: tl.constexpr):
    """Undo ``push_bits``; gives (value, head, top, owe)."""
    one = tl.full([1], 1, tl.int64)
    value = head & ((one << bits) - 1)
    head = tl.where(on, head >> bits, head)
    due = on & (head < 1 << LOW)
    head, top, owe = fetch(words, count, seed, lane, head, top, owe, due, True)
    return value, head, top, owe


@triton.jit
def push_beside(
    words, count, seed, lane, head, top, owe, on, v, escaped, fine, origin, size,
    LOW: tl.constexpr,
):  # fmt: skip
    """Push what lies beside the symbols of values ``v``; gives (head, top, owe)."""
    if any_of(on & escaped):
        rank = (v - ((origin + size) << fine)) & 0xFFFFFFFF
        rest = tl.where(escaped, rank, v & ((tl.full([1], 1, tl.int64) << fine) - 1))
        lower, upper = rest_bases(escaped, fine, size, rest >> 16)
        head, top, owe = push_digit(
            words, count, seed, lane, head, top, owe, on, rest & 0xFFFF, lower, LOW, True
        )
        head, top, owe = push_digit(
            words, count, seed, lane, head, top, owe, on, rest >> 16, upper, LOW, True
        )
    elif any_of(on & (fine > 0)):
        head, top, owe = push_bits(
            words, count, seed, lane, head, top, owe, on, v, tl.minimum(fine, 16), LOW
        )
        if any_of(on & (fine > 16)):
            head, top, owe = push_bits(
                words, count, seed, lane, head, top, owe, on, v >> 16,
                tl.maximum(fine - 16, 0), LOW,
            )  # fmt: skip
    return head, top, owe


@triton.jit
def pop_beside(
    words, count, seed, lane, head, top, owe, on, i, fine, origin, size, LOW: tl.constexpr
):
    """Undo ``push_beside`` for symbols ``i``; gives (value, head, top, owe)."""
    escaped = i == size
    rest = tl.zeros_like(i)
    if any_of(on & escaped):
        _, base = rest_bases(escaped, fine, size, tl.zeros_like(i))
        upper, head, top, owe = pop_digit(
            words, count, seed, lane, head, top, owe, on, base, LOW, True
        )
        base, _ = rest_bases(escaped, fine, size, upper)
        lower, head, top, owe = pop_digit(
            words, count, seed, lane, head, top, owe, on, base, LOW, True
        )
        rest = (upper << 16) | lower
    elif any_of(on & (fine > 0)):
        if any_of(on & (fine > 16)):
            rest, head, top, owe = pop_bits(
                words, count, seed, lane, head, top, owe, on, tl.maximum(fine - 16, 0), LOW
            )
        lower, head, top, owe = pop_bits(
            words, count, seed, lane, head, top, owe, on, tl.minimum(fine, 16), LOW
        )
        rest = (rest << 16) | lower
    return ((origin + i) << fine) + rest, head, top, owe
