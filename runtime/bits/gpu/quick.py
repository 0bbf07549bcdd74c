"""The common case in Triton: full steps, far from the floor, in as few instructions as it takes.

Same words and heads as ``lane``. What is known here saves work: a head shifted right by LOW or by
16 fits 32 bits; a remainder plus a start stays below 2**16, so it can be or-ed under the
quotient; and no lane is idle but those past the last.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]


@triton.jit
def place_of(words, row, count, lane):
    """Address of a word: a product of two 32-bit numbers in 64 bits."""
    return words + row.to(tl.int32).to(tl.int64) * count + lane


@triton.jit
def entry(table, s):
    """(start, freq) int32 of a table of int32 start | (freq - 1) << 16; idle lanes have s = 0."""
    packed = tl.load(table + s)
    return packed & 0xFFFF, ((packed >> 16) & 0xFFFF) + 1


@triton.jit
def quick_emit(words, count, lane, head, top, due):
    """Move the low word of ``head`` to the stack where ``due``; gives (head, top)."""
    tl.store(place_of(words, top + 1, count, lane), head.to(tl.int16), mask=due)
    return tl.where(due, head >> 16, head), top + due.to(tl.int64)


@triton.jit
def quick_fetch(words, count, lane, head, top, due):
    """Take a word into ``head`` where ``due``; gives (head, top)."""
    word = tl.load(place_of(words, top, count, lane), mask=due, other=0).to(tl.int64) & 0xFFFF
    return tl.where(due, (head << 16) | word, head), top - due.to(tl.int64)


@triton.jit
def quick_push(words, count, lane, head, top, live, start, freq, rcp, LOW: tl.constexpr):
    """Push an interval; gives (head, top)."""
    due = live & ((head >> LOW).to(tl.int32) >= freq)
    head, top = quick_emit(words, count, lane, head, top, due)
    quotient = ((head.to(tl.float64) + 0.5) * rcp).to(tl.int64)
    rest = head.to(tl.int32) - quotient.to(tl.int32) * freq + start
    return (quotient << 16) | rest.to(tl.int64), top


@triton.jit
def quick_pop(words, count, lane, head, top, live, start, freq, LOW: tl.constexpr):
    """Undo ``quick_push`` once the interval is known; gives (head, top)."""
    point = head.to(tl.int32) & 0xFFFF
    upper = (head >> 16).to(tl.uint32).to(tl.uint64)
    head = (upper * freq.to(tl.uint32).to(tl.uint64)).to(tl.int64) + (point - start).to(tl.int64)
    return quick_fetch(words, count, lane, head, top, live & ((head >> LOW).to(tl.int32) == 0))


@triton.jit
def quick_push_bits(words, count, lane, head, top, live, r, bits, LOW: tl.constexpr):
    """Push ``bits`` <= 16 raw bits; gives (head, top)."""
    due = live & ((head >> LOW).to(tl.int32) >> (16 - bits) != 0)
    head, top = quick_emit(words, count, lane, head, top, due)
    return (head << bits) | r.to(tl.int64), top


@triton.jit
def quick_pop_bits(words, count, lane, head, top, live, bits, LOW: tl.constexpr):
    """Undo ``quick_push_bits``; gives (r int32, head, top)."""
    r = head.to(tl.int32) & ((1 << bits) - 1)
    head = head >> bits
    due = live & ((head >> LOW).to(tl.int32) == 0)
    head, top = quick_fetch(words, count, lane, head, top, due)
    return r, head, top
