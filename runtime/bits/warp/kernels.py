"""Streams interleaved by warp, in Triton; the format of ``warp.reference``.

A program has ``WARPS`` streams of 32 lanes and as many warps (``num_warps``), so that element i of
a block is lane i % 32 of the warp i // 32, and a vote of the warp ranks the lanes of one stream. A
lane reads four symbols at a time. With ``ASM`` what Triton has no words for is PTX; without it
there are plain forms for the interpreter. With ``SHARED``, which needs ``ASM``, tables lie in
shared memory, else in whatever the first-level cache holds of them.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.warp.groups import (
    append,
    load_group,
    load_rest,
    place,
    store_group,
    store_tail,
)
from revc.runtime.bits.warp.shared import code, point, share_codes, share_points
from revc.runtime.bits.warp.table import GUARD
from revc.runtime.bits.warp.words import emit, fetch

NUMBERS = ["full", "elements", "streams", "capacity"]
NO_CODE = tl.constexpr(1 << 18)
"""Set in the entries of symbols that a table has no code for."""
PREFETCH = tl.constexpr("prefetch.global.L1 [$1]; mov.u32 $0, 0;")
GUARD_WORDS = tl.constexpr(GUARD)
UPPER = tl.constexpr("mad.hi.u32 $0, $1, 0x100000, 0xfffff000;")


@triton.jit
def floor_of(lane, capacity):
    """Index of the first word of a lane's stream."""
    return ((lane >> 5).to(tl.int64) * capacity).to(tl.uint32) + GUARD_WORDS


@triton.jit
def enter(heads, tops, lane, capacity):
    """(head, index of the top of its stream in words, and of its floor) of lanes."""
    head = tl.load(heads + lane).to(tl.uint32, bitcast=True)
    base = floor_of(lane, capacity)
    return head, base + tl.load(tops + (lane >> 5)).to(tl.uint32), base


@triton.jit
def leave(heads, tops, lane, capacity, head, spot):
    """Write the registers back; every lane of a stream knows the same top."""
    tl.store(heads + lane, head.to(tl.int32, bitcast=True))
    top = (spot - floor_of(lane, capacity)).to(tl.int32)
    tl.store(tops + (lane >> 5), top, mask=(lane & 31) == 0)


@triton.jit
def keep_above(spot, base, short):
    """A top that a group of pops has taken below the floor, put back; gives (spot, short)."""
    under = (spot - base).to(tl.int32) < 0
    return tl.where(under, base, spot), short | under.to(tl.int32)


@triton.jit
def call_for(words, spot):
    """Have the cache fetch the words as far below a top as the guard is wide, or the guard."""
    at = words + (spot - GUARD_WORDS)
    tl.inline_asm_elementwise(PREFETCH, "=r,l", [at], dtype=tl.int32, is_pure=False, pack=1)


@triton.jit
def push_one(
    words, head, spot, below, magic, rest, on, MASKED: tl.constexpr, WARPS: tl.constexpr,
    ASM: tl.constexpr,
):  # fmt: skip
    """Push the symbol of an entry in every lane (where ``on``, if MASKED); gives (head, spot).

    With f the frequency and r = 4096 - f, the entry's upper 27 bits are bias + 2**15 r, and
    q r + x + bias = (q - 2**15) r + x + (entry >> 5) modulo 2**32.
    """
    others = rest >> 20
    x, spot = emit(words, head, others, below, spot, on, MASKED, WARPS, ASM)
    quotient = tl.umulhi(x, magic) >> (rest & 31)
    x = (quotient - 0x8000) * others + (x + (rest >> 5))
    if MASKED:
        x = tl.where(on, x, head)
    return x, spot


@triton.jit
def pop_one(head, found, ASM: tl.constexpr):
    """Undo a symbol of every lane, given its entry; gives the head before words are fetched.

    The entry's upper 24 bits are offset + 2**12 f: f h + offset = f (h - 2**12) + (entry >> 8).
    """
    if ASM:
        upper = tl.inline_asm_elementwise(
            UPPER, "=r,r", [head], dtype=tl.uint32, is_pure=True, pack=1
        )
    else:
        upper = (head >> 12) - 4096
    return (found >> 20) * upper + (found >> 8)


@triton.jit
def push_four(
    words, table, got, got2, head, spot, other, spot2, seen, below, WARPS: tl.constexpr,
    CHAINS: tl.constexpr, SHARED: tl.constexpr, ASM: tl.constexpr, COPIES: tl.constexpr,
):  # fmt: skip
    """Push a group of every lane, and of the other stream's; gives both streams, and ``seen``."""
    for k in tl.static_range(4):
        magic, rest = code(table, got, k, COPIES, SHARED)
        if CHAINS == 2:
            magic2, rest2 = code(table, got2, k, COPIES, SHARED)
        head, spot = push_one(words, head, spot, below, magic, rest, True, False, WARPS, ASM)
        seen |= rest
        if CHAINS == 2:
            other, spot2 = push_one(
                words, other, spot2, below, magic2, rest2, True, False, WARPS, ASM
            )
            seen |= rest2
    return head, spot, other, spot2, seen


@triton.jit
def push_end(
    words, data, raw, table, group, elements, head, spot, seen, below, FLOATS: tl.constexpr,
    WARPS: tl.constexpr, COPIES: tl.constexpr, SHARED: tl.constexpr, ASM: tl.constexpr,
):  # fmt: skip
    """Push groups that may reach beyond the end; gives (head, spot, seen)."""
    got = load_group(data, raw, group, elements, True, FLOATS, True)
    for k in tl.static_range(4):
        on = group * 4 + place(k, FLOATS) < elements
        magic, rest = code(table, got, k, COPIES, SHARED)
        head, spot = push_one(words, head, spot, below, magic, rest, on, True, WARPS, ASM)
        seen |= tl.where(on, rest, 0)
    return head, spot, seen


@triton.jit
def pop_end(
    words, data, raw, table, group, elements, head, spot, below, FLOATS: tl.constexpr,
    WARPS: tl.constexpr, SHARED: tl.constexpr, ASM: tl.constexpr,
):  # fmt: skip
    """Undo ``push_end``; gives (head, spot)."""
    out = tl.zeros([WARPS * 32], tl.uint32)
    for back in tl.static_range(4):
        on = group * 4 + place(3 - back, FLOATS) < elements
        found = point(table, head, SHARED)
        lower = tl.where(on, pop_one(head, found, ASM), 0xFFFFFFFF)
        lower, spot = fetch(words, lower, below, spot, WARPS, ASM)
        head = tl.where(on, lower, head)
        out = append(out, found, ASM)
    store_tail(data, raw, group, elements, out, FLOATS)
    return head, spot


@triton.jit(do_not_specialize=NUMBERS)
def push(
    words, heads, tops, data, raw, table, fault, full, elements, streams, capacity,
    WARPS: tl.constexpr, CHAINS: tl.constexpr, FLOATS: tl.constexpr, SHARED: tl.constexpr,
    ASM: tl.constexpr, COPIES: tl.constexpr,
):  # fmt: skip
    """Push ``data`` [elements]; group g of four is the turn of lane g modulo 32 * streams.

    ``full`` is the number of groups that every lane has; ``fault`` int32 [2] becomes 1 in its
    first place if a symbol had no code. With two CHAINS a warp has two streams, whose steps take
    turns.
    """
    lane = tl.program_id(0) * (WARPS * 32 * CHAINS) + tl.arange(0, WARPS * 32)
    below = (1 << (lane & 31)) - 1
    head, spot, _base = enter(heads, tops, lane, capacity)
    if SHARED:
        table = share_codes(table, COPIES, WARPS)
    group = lane.to(tl.int64)
    stride = streams.to(tl.int64) * 32
    whole = stride * full
    seen = tl.zeros([WARPS * 32], tl.uint32)
    other, spot2 = head, spot
    if CHAINS == 2:
        other, spot2, _base = enter(heads, tops, lane + WARPS * 32, capacity)
    if whole > 0:
        nxt = load_group(data, raw, group, elements, group < whole, FLOATS, False)
        if CHAINS == 2:
            nxt2 = load_group(data, raw, group + WARPS * 32, elements, group < whole, FLOATS, False)
        for _ in range(full):
            got, got2 = nxt, nxt
            group += stride
            nxt = load_group(data, raw, group, elements, group < whole, FLOATS, False)
            if CHAINS == 2:
                got2 = nxt2
                nxt2 = load_group(
                    data, raw, group + WARPS * 32, elements, group < whole, FLOATS, False
                )
            head, spot, other, spot2, seen = push_four(
                words, table, got, got2, head, spot, other, spot2, seen, below, WARPS, CHAINS,
                SHARED, ASM, COPIES,
            )  # fmt: skip
    if whole * 4 < elements:
        head, spot, seen = push_end(
            words, data, raw, table, group, elements, head, spot, seen, below,
            FLOATS, WARPS, COPIES, SHARED, ASM,
        )  # fmt: skip
        if CHAINS == 2:
            other, spot2, seen = push_end(
                words, data, raw, table, group + WARPS * 32, elements, other, spot2, seen, below,
                FLOATS, WARPS, COPIES, SHARED, ASM,
            )  # fmt: skip
    leave(heads, tops, lane, capacity, head, spot)
    if CHAINS == 2:
        leave(heads, tops, lane + WARPS * 32, capacity, other, spot2)
    tl.store(fault + lane * 0, 1, mask=(seen & NO_CODE) != 0)


@triton.jit(do_not_specialize=NUMBERS)
def pop(
    words, heads, tops, data, raw, table, fault, full, elements, streams, capacity,
    WARPS: tl.constexpr, CHAINS: tl.constexpr, FLOATS: tl.constexpr, SHARED: tl.constexpr,
    ASM: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """Undo ``push`` into ``data`` [elements]; ``fault`` [1] becomes 1 if words run out.

    With ASM and AHEAD, words are called for two or three groups before their use.
    """
    lane = tl.program_id(0) * (WARPS * 32 * CHAINS) + tl.arange(0, WARPS * 32)
    below = (1 << (lane & 31)) - 1
    head, spot, base = enter(heads, tops, lane, capacity)
    if SHARED:
        table = share_points(table, WARPS)
    stride = streams.to(tl.int64) * 32
    group = lane.to(tl.int64) + stride * full
    if CHAINS == 2:
        other, spot2, base2 = enter(heads, tops, lane + WARPS * 32, capacity)
    short = tl.zeros([WARPS * 32], tl.int32)
    if stride * full * 4 < elements:
        head, spot = pop_end(
            words, data, raw, table, group, elements, head, spot, below, FLOATS, WARPS, SHARED, ASM
        )
        spot, short = keep_above(spot, base, short)
        if CHAINS == 2:
            other, spot2 = pop_end(
                words, data, raw, table, group + WARPS * 32, elements, other, spot2, below,
                FLOATS, WARPS, SHARED, ASM,
            )  # fmt: skip
            spot2, short = keep_above(spot2, base2, short)
    for _ in range(full):
        group -= stride
        if ASM and AHEAD:
            call_for(words, spot)
        rest = load_rest(raw, group, FLOATS)
        out = tl.zeros([WARPS * 32], tl.uint32)
        if CHAINS == 2:
            if ASM and AHEAD:
                call_for(words, spot2)
            rest2 = load_rest(raw, group + WARPS * 32, FLOATS)
            out2 = out
        for _back in tl.static_range(4):
            found = point(table, head, SHARED)
            if CHAINS == 2:
                found2 = point(table, other, SHARED)
            head, spot = fetch(words, pop_one(head, found, ASM), below, spot, WARPS, ASM)
            out = append(out, found, ASM)
            if CHAINS == 2:
                other, spot2 = fetch(words, pop_one(other, found2, ASM), below, spot2, WARPS, ASM)
                out2 = append(out2, found2, ASM)
        spot, short = keep_above(spot, base, short)
        store_group(data, group, out, rest, FLOATS)
        if CHAINS == 2:
            spot2, short = keep_above(spot2, base2, short)
            store_group(data, group + WARPS * 32, out2, rest2, FLOATS)
    leave(heads, tops, lane, capacity, head, spot)
    if CHAINS == 2:
        leave(heads, tops, lane + WARPS * 32, capacity, other, spot2)
    tl.store(fault + 1 + lane * 0, 1, mask=short > 0)
