"""Heads, words and the floor in Triton, a block of lanes at a time.

The algorithm is that of ``reference``, the layout that of ``cpu.table``: word i of a lane is in
row i + 1 of ``words``. ``on`` masks the lanes that take part. The floor costs a generator of some
80 instructions, so every function comes with and without it (GUARD): a kernel looks once in
``CHUNK`` steps whether any lane can come near, and else leaves it out.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

CHUNK = tl.constexpr(32)

NUMBERS = (
    "count", "lanes", "elements", "first", "last", "full", "width", "own", "k", "regular",
    "spilled",
)  # fmt: skip
"""Integers that kernels take when they run. Triton would compile a kernel again for each that is 1
or a multiple of 16, and make a constant of a 1, which has no dtype: no method of a tensor's."""

kernel = triton.jit(do_not_specialize=NUMBERS)
"""What `triton.jit` is to the functions that a kernel calls, for kernels that are launched."""


@triton.jit
def philox_word(seed, lane, i, STREAM: tl.constexpr):
    """Word ``i`` of ``lane``: Philox-4x32-10 (Salmon et al., SC 2011), int64 in [0, 2**16).

    ``seed`` points to an int64: replays of a CUDA graph find another one there.
    """
    low = tl.full([1], 0xFFFFFFFF, tl.uint64)
    key = tl.full([1], 0, tl.uint64) + tl.load(seed).to(tl.uint64)
    k0, k1 = key & low, key >> 32
    block = (i >> 3).to(tl.uint64)
    a, b = block & low, block >> 32
    c = lane.to(tl.uint64)
    d = tl.zeros_like(c) + STREAM
    m0, m1 = tl.full([1], 0xD2511F53, tl.uint64), tl.full([1], 0xCD9E8D57, tl.uint64)
    for _ in tl.static_range(10):
        p, q = m0 * a, m1 * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & low, (p >> 32) ^ d ^ k1, p & low
        k0 = (k0 + 0x9E3779B9) & low
        k1 = (k1 + 0xBB67AE85) & low
    pair = (i >> 1) & 3
    out = tl.where(pair == 0, a, tl.where(pair == 1, b, tl.where(pair == 2, c, d))).to(tl.int64)
    return (out >> (16 * (i & 1))) & 0xFFFF


@triton.jit
def emit(words, count, seed, lane, head, top, owe, due, GUARD: tl.constexpr):
    """Move the low word of ``head`` to the stack where ``due``; gives (head, top, owe)."""
    stored = due
    if GUARD:
        floor = due & (top == 0) & (owe > 0)
        if tl.max(floor.to(tl.int32), 0) > 0:
            paid = floor & (philox_word(seed, lane, tl.maximum(owe - 1, 0), 0) == head & 0xFFFF)
            owe -= paid.to(tl.int64)
            stored = due & (paid == 0)
    place = words + (top + 1) * count + lane
    tl.store(place, (head & 0xFFFF).to(tl.int16), mask=stored)
    return tl.where(due, head >> 16, head), top + stored.to(tl.int64), owe


@triton.jit
def fetch(words, count, seed, lane, head, top, owe, due, GUARD: tl.constexpr):
    """Take a word from the stack into ``head`` where ``due``; gives (head, top, owe)."""
    if GUARD:
        held = due & (top > 0)
        word = tl.load(words + top * count + lane, mask=held, other=0).to(tl.int64) & 0xFFFF
        floor = due & (top == 0)
        if tl.max(floor.to(tl.int32), 0) > 0:
            word = tl.where(floor, philox_word(seed, lane, owe, 0), word)
            owe += floor.to(tl.int64)
        top -= held.to(tl.int64)
    else:
        word = tl.load(words + top * count + lane, mask=due, other=0).to(tl.int64) & 0xFFFF
        top -= due.to(tl.int64)
    return tl.where(due, (head << 16) | word, head), top, owe


@triton.jit
def push_interval(
    words, count, seed, lane, head, top, owe, on, start, freq, rcp,
    LOW: tl.constexpr, GUARD: tl.constexpr,
):  # fmt: skip
    """Code ``[start, start + freq)``; ``rcp`` is 1 / freq in float64; gives (head, top, owe)."""
    due = on & (head >= freq << LOW)
    head, top, owe = emit(words, count, seed, lane, head, top, owe, due, GUARD)
    quotient = ((head.to(tl.float64) + 0.5) * rcp).to(tl.int64)
    return tl.where(on, quotient * (65536 - freq) + head + start, head), top, owe


@triton.jit
def pop_interval(
    words, count, seed, lane, head, top, owe, on, start, freq,
    LOW: tl.constexpr, GUARD: tl.constexpr,
):  # fmt: skip
    """Undo ``push_interval`` once the interval under the head is known."""
    head = tl.where(on, freq * (head >> 16) + (head & 0xFFFF) - start, head)
    due = on & (head < 1 << LOW)
    return fetch(words, count, seed, lane, head, top, owe, due, GUARD)


@triton.jit
def push_digit(
    words, count, seed, lane, head, top, owe, on, r, n, LOW: tl.constexpr, GUARD: tl.constexpr
):
    """Code ``r`` in [0, n) uniformly, n <= 2**16."""
    share = (((1 << LOW) + 0.5) * (1.0 / n.to(tl.float64))).to(tl.int64)
    due = on & (head >= share << 16)
    head, top, owe = emit(words, count, seed, lane, head, top, owe, due, GUARD)
    head = tl.where(on, head * n + r, head)
    due = on & (head < 1 << LOW)
    return fetch(words, count, seed, lane, head, top, owe, due, GUARD)


@triton.jit
def pop_digit(
    words, count, seed, lane, head, top, owe, on, n, LOW: tl.constexpr, GUARD: tl.constexpr
):
    """Undo ``push_digit``; gives (r, head, top, owe).

    A head that is too high would emit a word, and be so low afterwards that it fetches it again.
    The word stays in the head: no pop writes to the stack, which ``BitStack.rewind`` counts on.
    """
    rcp = 1.0 / n.to(tl.float64)
    share = (((1 << LOW) + 0.5) * rcp).to(tl.int64)
    high = head >= (share * n) << 16
    whole = tl.where(high, head >> 16, head)
    quotient = ((whole.to(tl.float64) + 0.5) * rcp).to(tl.int64)
    r = whole - quotient * n
    head = tl.where(on, tl.where(high, (quotient << 16) | (head & 0xFFFF), quotient), head)
    due = on & (head < 1 << LOW)
    head, top, owe = fetch(words, count, seed, lane, head, top, owe, due, GUARD)
    return r, head, top, owe


@triton.jit
def enter(heads, fill, debt, count, lanes, BLOCK: tl.constexpr):
    """Registers of a block: (lane, live, sequence, place in it, head, top, owe), all int64."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = lane < count
    head = tl.load(heads + lane, mask=live, other=1)
    top = tl.load(fill + lane, mask=live, other=1 << 40)
    owe = tl.load(debt + lane, mask=live, other=0)
    return lane, live, lane // lanes, lane % lanes, head, top, owe


@triton.jit
def at(t, lanes, j):
    """First element of step ``t`` as int64: a product of two int32 could overflow."""
    return (tl.zeros_like(j) + t) * lanes


@triton.jit
def leave(heads, fill, debt, lane, live, head, top, owe):
    """Write the registers of a block back."""
    tl.store(heads + lane, head, mask=live)
    tl.store(fill + lane, top, mask=live)
    tl.store(debt + lane, owe, mask=live)


@triton.jit
def near(top, owe, words: tl.constexpr):
    """Whether a lane can touch its floor within a chunk that takes ``words`` words a step."""
    close = (top == 0) & (owe > 0) if words == 0 else top <= CHUNK * words
    return tl.max(close.to(tl.int32), 0) > 0
