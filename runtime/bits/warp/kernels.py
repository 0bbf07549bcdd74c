"""Streams interleaved by warp, in Triton; the format of ``warp.reference``.

A program has ``WARPS`` streams of 32 lanes and as many warps (``num_warps``), so that element i of
a block is lane i % 32 of the warp i // 32, and a vote of the warp ranks the lanes of one stream. A
lane reads four symbols at a time. With ``ASM`` votes and tables are PTX; without it they are sums
and loads, which the interpreter knows. With ``SHARED`` the table lies in shared memory, else in
whatever the first-level cache holds of it.
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

NUMBERS = ["full", "elements", "streams", "capacity"]
NO_CODE = tl.constexpr(1 << 18)
"""Set in the entries of symbols that a table has no code for."""
VOTE = tl.constexpr("""
{
.reg .pred due;
.reg .b32 ballot;
setp.ne.u32 due, $2, 0;
vote.sync.ballot.b32 ballot, due, 0xffffffff;
popc.b32 $1, ballot;
and.b32 ballot, ballot, $3;
popc.b32 $0, ballot;
}
""")
PUSH_BYTES: tl.constexpr = tl.constexpr(2048)
POP_BYTES: tl.constexpr = tl.constexpr(16384)
DECLARE_PUSH = tl.constexpr(".shared .align 16 .b8 table[2048]; mov.u32 $0, table; // $1")
DECLARE_POP = tl.constexpr(".shared .align 16 .b8 table[16384]; mov.u32 $0, table; // $1")
FILL = tl.constexpr("st.shared.b32 [$1], $2; mov.b32 $0, $2;")
PREFETCH = tl.constexpr("prefetch.global.L1 [$1]; mov.u32 $0, 0;")
LOOK_PUSH = tl.constexpr("ld.shared.v2.b32 {$0, $1}, [$2];")
LOOK_POP = tl.constexpr("ld.shared.b32 $0, [$1];")


@triton.jit
def ranks(due, below, WARPS: tl.constexpr, ASM: tl.constexpr):
    """(how many lanes before this one are due, how many in all) in each warp."""
    if ASM:
        rank, total = tl.inline_asm_elementwise(
            VOTE, "=r,=r,r,r", [due.to(tl.int32), below], dtype=(tl.int32, tl.int32),
            is_pure=False, pack=1,
        )  # fmt: skip
    else:
        one = tl.reshape(due.to(tl.int32), [WARPS, 32])
        rank = tl.reshape(tl.cumsum(one, 1) - one, [WARPS * 32])
        total = tl.broadcast_to(tl.sum(one, 1)[:, None], [WARPS, 32])
        total = tl.reshape(total, [WARPS * 32])
    return rank, total


@triton.jit
def share(table, DECLARE: tl.constexpr, WORDS: tl.constexpr, WARPS: tl.constexpr):
    """Copy a table into shared memory; gives its address there."""
    base = tl.inline_asm_elementwise(
        DECLARE, "=r,r", [tl.program_id(0)], dtype=tl.int32, is_pure=False, pack=1
    )
    for i in range(0, WORDS, WARPS * 32):
        here = tl.arange(0, WARPS * 32) + i
        here = tl.where(here < WORDS, here, 0)
        value = tl.load(table + here)
        tl.inline_asm_elementwise(
            FILL, "=r,r,r", [base + here * 4, value], dtype=tl.int32, is_pure=False, pack=1
        )
    tl.debug_barrier()
    return base


@triton.jit
def enter(heads, tops, WARPS: tl.constexpr):
    """(lane, its stream, lanes before it as bits, head, top) of a program's lanes."""
    lane = tl.program_id(0) * (WARPS * 32) + tl.arange(0, WARPS * 32)
    head = tl.load(heads + lane).to(tl.uint32, bitcast=True)
    top = tl.load(tops + (lane >> 5))
    return lane, lane >> 5, (1 << (lane & 31)) - 1, head, top


@triton.jit
def leave(heads, tops, lane, head, top):
    """Write the registers back; every lane of a stream knows the same top."""
    tl.store(heads + lane, head.to(tl.int32, bitcast=True))
    tl.store(tops + (lane >> 5), top, mask=(lane & 31) == 0)


@triton.jit
def push_one(
    here, head, top, below, s, on, table, MASKED: tl.constexpr, WARPS: tl.constexpr,
    SHARED: tl.constexpr, ASM: tl.constexpr,
):  # fmt: skip
    """Push symbol ``s`` of every lane (where ``on``, if MASKED); gives (head, top, entry)."""
    if SHARED:
        magic, rest = tl.inline_asm_elementwise(
            LOOK_PUSH, "=r,=r,r", [table + s * 8], dtype=(tl.uint32, tl.uint32), is_pure=False,
            pack=1,
        )  # fmt: skip
    else:
        both = tl.load(table.to(tl.pointer_type(tl.uint64)) + s)
        magic, rest = both.to(tl.uint32), (both >> 32).to(tl.uint32)
    freq = rest >> 19
    due = (head >> 19) >= freq
    if MASKED:
        due = due & on
    rank, total = ranks(due, below, WARPS, ASM)
    tl.store(here + (top + rank), head.to(tl.uint16), mask=due)
    x = tl.where(due, head >> 16, head)
    quotient = tl.umulhi(x, magic) >> (rest & 31)
    x = (quotient << 12) + (x - quotient * freq) + ((rest >> 5) & 0x1FFF)
    if MASKED:
        x = tl.where(on, x, head)
        rest = tl.where(on, rest, 0)
    return x, top + total, rest


@triton.jit
def pop_one(
    here, head, top, below, on, table, MASKED: tl.constexpr, WARPS: tl.constexpr,
    SHARED: tl.constexpr, ASM: tl.constexpr,
):  # fmt: skip
    """Undo ``push_one``; gives (symbol and more above it, head, top)."""
    point = (head & 0xFFF).to(tl.int32)
    if SHARED:
        found = tl.inline_asm_elementwise(
            LOOK_POP, "=r,r", [table + point * 4], dtype=tl.uint32, is_pure=False, pack=1
        )
    else:
        found = tl.load(table + point).to(tl.uint32, bitcast=True)
    x = (found >> 20) * (head >> 12) + ((found >> 8) & 0xFFF)
    due = x < 0x8000
    if MASKED:
        due = due & on
    rank, total = ranks(due, below, WARPS, ASM)
    top -= total
    word = tl.load(here + (top + rank), mask=due, other=0).to(tl.uint32)
    x = tl.where(due, (x << 16) | word, x)
    if MASKED:
        x = tl.where(on, x, head)
    return found, x, top


@triton.jit(do_not_specialize=NUMBERS)
def push(
    words, heads, tops, data, raw, table, fault, full, elements, streams, capacity,
    WARPS: tl.constexpr, FLOATS: tl.constexpr, SHARED: tl.constexpr, ASM: tl.constexpr,
):  # fmt: skip
    """Push ``data`` [elements]; group g of four is the turn of lane g modulo 32 * streams.

    ``full`` is the number of groups that every lane has; ``fault`` int32 [1] becomes 1 if a symbol
    had no code.
    """
    lane, stream, below, head, top = enter(heads, tops, WARPS)
    here = words.to(tl.pointer_type(tl.uint16)) + stream.to(tl.int64) * capacity
    if SHARED:
        table = share(table, DECLARE_PUSH, PUSH_BYTES // 4, WARPS)
    group = lane.to(tl.int64)
    stride = streams.to(tl.int64) * 32
    whole = stride * full
    seen = tl.zeros([WARPS * 32], tl.uint32)
    if whole > 0:
        nxt = load_group(data, raw, group, elements, group < whole, FLOATS, False)
        for _ in range(full):
            got = nxt
            group += stride
            nxt = load_group(data, raw, group, elements, group < whole, FLOATS, False)
            for k in tl.static_range(4):
                s = ((got >> (8 * k)) & 0xFF).to(tl.int32)
                head, top, rest = push_one(
                    here, head, top, below, s, True, table, False, WARPS, SHARED, ASM
                )
                seen |= rest
    if whole * 4 < elements:
        got = load_group(data, raw, group, elements, True, FLOATS, True)
        for k in tl.static_range(4):
            s = ((got >> (8 * k)) & 0xFF).to(tl.int32)
            on = group * 4 + place(k, FLOATS) < elements
            head, top, rest = push_one(
                here, head, top, below, s, on, table, True, WARPS, SHARED, ASM
            )
            seen |= rest
    leave(heads, tops, lane, head, top)
    tl.store(fault + lane * 0, 1, mask=(seen & NO_CODE) != 0)


@triton.jit(do_not_specialize=NUMBERS)
def pop(
    words, heads, tops, data, raw, table, full, elements, streams, capacity,
    WARPS: tl.constexpr, FLOATS: tl.constexpr, SHARED: tl.constexpr, ASM: tl.constexpr,
    AHEAD: tl.constexpr,
):  # fmt: skip
    """Undo ``push`` into ``data`` [elements]; words are called for AHEAD of use, if not 0."""
    lane, stream, below, head, top = enter(heads, tops, WARPS)
    here = words.to(tl.pointer_type(tl.uint16)) + stream.to(tl.int64) * capacity
    if SHARED:
        table = share(table, DECLARE_POP, POP_BYTES // 4, WARPS)
    stride = streams.to(tl.int64) * 32
    group = lane.to(tl.int64) + stride * full
    if full * stride * 4 < elements:
        out = tl.zeros([WARPS * 32], tl.uint32)
        for back in tl.static_range(4):
            on = group * 4 + place(3 - back, FLOATS) < elements
            found, head, top = pop_one(here, head, top, below, on, table, True, WARPS, SHARED, ASM)
            out = append(out, found, ASM)
        store_tail(data, raw, group, elements, out, FLOATS)
    for _ in range(full):
        group -= stride
        if ASM and AHEAD > 0:
            tl.inline_asm_elementwise(
                PREFETCH, "=r,l", [here + tl.maximum(top - AHEAD, 0)], dtype=tl.int32,
                is_pure=False, pack=1,
            )  # fmt: skip
        rest = load_rest(raw, group, FLOATS)
        out = tl.zeros([WARPS * 32], tl.uint32)
        for _back in tl.static_range(4):
            found, head, top = pop_one(
                here, head, top, below, True, table, False, WARPS, SHARED, ASM
            )
            out = append(out, found, ASM)
        store_group(data, group, out, rest, FLOATS)
    leave(heads, tops, lane, head, top)
