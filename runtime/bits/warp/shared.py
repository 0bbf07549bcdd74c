"""Tables in shared memory, by PTX: Triton has no gather from there.

The declaration is the first statement of a kernel's program text, once a thread, and names an array
of the kernel; what looks things up is given its address. Codes lie there in ``COPIES`` copies side
by side, so that lanes that ask at once ask different banks.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

CODES = tl.constexpr(512)
POINTS = tl.constexpr(4096)
DECLARE = {
    words: tl.constexpr(f".shared .align 16 .b32 table[{words}]; mov.u32 $0, table; // $1")
    for words in (512, 8192, 4096)
}
FILL = tl.constexpr("st.shared.b32 [$1], $2; mov.b32 $0, $2;")
LOOK_CODE = tl.constexpr("ld.shared.v2.b32 {$0, $1}, [$2];")
LOOK_POINT = tl.constexpr("ld.shared.b32 $0, [$1];")
BYTE = tl.constexpr("prmt.b32 $0, $1, 0, $2;")
DECLARE_CODES = DECLARE[512]
DECLARE_COPIES = DECLARE[8192]
DECLARE_POINTS = DECLARE[4096]


@triton.jit
def declare(WORDS: tl.constexpr):
    """Address of an array of so many words."""
    zero = tl.program_id(0)
    if WORDS == 512:
        base = tl.inline_asm_elementwise(
            DECLARE_CODES, "=r,r", [zero], dtype=tl.int32, is_pure=False, pack=1
        )
    elif WORDS == 8192:
        base = tl.inline_asm_elementwise(
            DECLARE_COPIES, "=r,r", [zero], dtype=tl.int32, is_pure=False, pack=1
        )
    else:
        base = tl.inline_asm_elementwise(
            DECLARE_POINTS, "=r,r", [zero], dtype=tl.int32, is_pure=False, pack=1
        )
    return base


@triton.jit
def fill(base, table, WIDTH: tl.constexpr, COPIES: tl.constexpr, WORDS: tl.constexpr,
         WARPS: tl.constexpr):  # fmt: skip
    """Copy a table of entries of WIDTH words to ``base``, each COPIES times."""
    for i in range(0, WORDS, WARPS * 32):
        to = tl.arange(0, WARPS * 32) + i
        source = to // (WIDTH * COPIES) * WIDTH + to % WIDTH
        value = tl.load(table + source)
        tl.inline_asm_elementwise(
            FILL, "=r,r,r", [base + to * 4, value], dtype=tl.int32, is_pure=False, pack=1
        )
    tl.debug_barrier()


@triton.jit
def share_codes(table, COPIES: tl.constexpr, WARPS: tl.constexpr):
    """The table of a push, copied; gives where each lane's copy begins, int32 [WARPS * 32]."""
    base = declare(CODES * COPIES)
    fill(base, table, 2, COPIES, CODES * COPIES, WARPS)
    return base + tl.arange(0, WARPS * 32) % COPIES * 8


@triton.jit
def share_points(table, WARPS: tl.constexpr):
    """The table of a pop, copied; gives where it begins."""
    base = declare(POINTS)
    fill(base, table, 1, 1, POINTS, WARPS)
    return base


@triton.jit
def code(table, got, k: tl.constexpr, COPIES: tl.constexpr, SHARED: tl.constexpr):
    """The two words of the entry of byte ``k`` of ``got``."""
    if SHARED:
        s = tl.inline_asm_elementwise(
            BYTE, "=r,r,r", [got, 0x4440 + k], dtype=tl.int32, is_pure=True, pack=1
        )
        magic, rest = tl.inline_asm_elementwise(
            LOOK_CODE, "=r,=r,r", [s * (8 * COPIES) + table], dtype=(tl.uint32, tl.uint32),
            is_pure=False, pack=1,
        )  # fmt: skip
    else:
        s = ((got >> (8 * k)) & 0xFF).to(tl.int32)
        both = tl.load(table.to(tl.pointer_type(tl.uint64)) + s)
        magic, rest = both.to(tl.uint32), (both >> 32).to(tl.uint32)
    return magic, rest


@triton.jit
def point(table, head, SHARED: tl.constexpr):
    """The entry of the point under a head."""
    at = (head & 0xFFF).to(tl.int32)
    if SHARED:
        found = tl.inline_asm_elementwise(
            LOOK_POINT, "=r,r", [table + at * 4], dtype=tl.uint32, is_pure=False, pack=1
        )
    else:
        found = tl.load(table + at).to(tl.uint32, bitcast=True)
    return found
