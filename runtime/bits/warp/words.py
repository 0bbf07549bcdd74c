"""How the lanes of a warp share one stack of words: a vote ranks those that take part.

``spot`` is the index of the stream's top in ``words`` int16, uint32 and the same in all its lanes;
``below`` has the bits of the lanes before one. With ``ASM`` a step is one piece of PTX, else plain
sums.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

EMIT = tl.constexpr("""
{
.reg .pred due;
.reg .b32 ballot, n;
.reg .b64 to;
shr.u32 n, $2, 19;
add.u32 n, n, $3;
setp.ge.u32 due, n, 4096;
vote.sync.ballot.b32 ballot, due, 0xffffffff;
popc.b32 n, ballot;
add.u32 $1, n, $5;
and.b32 ballot, ballot, $4;
popc.b32 n, ballot;
add.u32 n, n, $5;
mad.wide.u32 to, n, 2, $6;
@due st.global.u16 [to], $2;
mov.b32 $0, $2;
@due shr.u32 $0, $2, 16;
}
""")
FETCH = tl.constexpr("""
{
.reg .pred due;
.reg .b32 ballot, n;
.reg .b64 from;
setp.lt.u32 due, $2, 0x8000;
vote.sync.ballot.b32 ballot, due, 0xffffffff;
popc.b32 n, ballot;
sub.u32 $1, $4, n;
and.b32 ballot, ballot, $3;
popc.b32 n, ballot;
add.u32 n, n, $1;
mad.wide.u32 from, n, 2, $5;
mov.b32 n, 0;
@due ld.global.u16 n, [from];
prmt.b32 n, n, $2, 0x5410;
selp.b32 $0, n, $2, due;
}
""")


@triton.jit
def ranks(due, WARPS: tl.constexpr):
    """(How many lanes before this one are due, how many in all) in each warp."""
    one = tl.reshape(due.to(tl.uint32), [WARPS, 32])
    rank = tl.reshape(tl.cumsum(one, 1) - one, [WARPS * 32])
    total = tl.broadcast_to(tl.sum(one, 1)[:, None], [WARPS, 32])
    return rank, tl.reshape(total, [WARPS * 32])


@triton.jit
def emit(
    words, head, rest, below, spot, on, MASKED: tl.constexpr, WARPS: tl.constexpr,
    ASM: tl.constexpr,
):  # fmt: skip
    """Move the low words of heads that are too high for their symbol; gives (head, spot).

    ``rest`` is 4096 less the symbol's frequency. If MASKED only lanes that are ``on`` take part.
    """
    if MASKED:
        rest = tl.where(on, rest, 0)
    if ASM:
        head, spot = tl.inline_asm_elementwise(
            EMIT, "=&r,=&r,r,r,r,r,l", [head, rest, below, spot, words],
            dtype=(tl.uint32, tl.uint32), is_pure=False, pack=1,
        )  # fmt: skip
    else:
        due = (head >> 19) + rest >= 4096
        rank, total = ranks(due, WARPS)
        tl.store(words + (spot + rank), head.to(tl.int16), mask=due)
        head, spot = tl.where(due, head >> 16, head), spot + total
    return head, spot


@triton.jit
def fetch(words, head, below, spot, WARPS: tl.constexpr, ASM: tl.constexpr):
    """Take words back into the heads that are too low; gives (head, spot)."""
    if ASM:
        head, spot = tl.inline_asm_elementwise(
            FETCH, "=&r,=&r,r,r,r,l", [head, below, spot, words],
            dtype=(tl.uint32, tl.uint32), is_pure=False, pack=1,
        )  # fmt: skip
    else:
        due = head < 0x8000
        rank, total = ranks(due, WARPS)
        spot -= total
        word = tl.load(words + (spot + rank), mask=due, other=0).to(tl.uint32) & 0xFFFF
        head = tl.where(due, (head << 16) | word, head)
    return head, spot
