"""Groups of four symbols in Triton: the bytes of one uint32, and the raw part of 16-bit floats."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

APPEND = tl.constexpr("prmt.b32 $0, $1, $2, 0x2104;")


@triton.jit
def append(out, found, ASM: tl.constexpr):
    """Shift the symbol of an entry into ``out`` from below."""
    if ASM:
        out = tl.inline_asm_elementwise(
            APPEND, "=r,r,r", [out, found], dtype=tl.uint32, is_pure=True, pack=1
        )
    else:
        out = (out << 8) | (found & 0xFF)
    return out


@triton.jit
def split(low, high):
    """Four 16-bit floats as (their exponents' bytes, the rest of them); the same undoes it."""
    middle = ((low >> 7) & 0x00FF00FF) | ((high << 1) & 0xFF00FF00)
    a = (low & 0x007F007F) | ((low >> 8) & 0x00800080)
    b = (high & 0x007F007F) | ((high >> 8) & 0x00800080)
    return middle, a | (b << 8)


@triton.jit
def join(middle, rest):
    """Undo ``split``."""
    other = rest >> 8
    low = (middle & 0x00FF00FF) << 7 | (rest & 0x007F007F) | ((rest & 0x00800080) << 8)
    high = (middle & 0xFF00FF00) >> 1 | (other & 0x007F007F) | ((other & 0x00800080) << 8)
    return low, high


@triton.jit
def load_group(data, raw, group, elements, on, FLOATS: tl.constexpr, MASKED: tl.constexpr):
    """Four symbols as the bytes of a uint32; the rest of floats goes to ``raw``."""
    if not MASKED:
        if FLOATS:
            both = tl.load(data.to(tl.pointer_type(tl.uint64)) + group, mask=on, other=0)
            got, rest = split(both.to(tl.uint32), (both >> 32).to(tl.uint32))
            tl.store(raw + group, rest.to(tl.int32, bitcast=True), mask=on)
        else:
            got = tl.load(data.to(tl.pointer_type(tl.uint32)) + group, mask=on, other=0)
    else:
        low = tl.zeros(group.shape, tl.uint32)
        high = low
        for k in tl.static_range(4):
            at = group * 4 + k
            one = tl.load(data + at, mask=at < elements, other=0).to(tl.uint32)
            if FLOATS:
                one = (one & 0xFFFF) << (16 * (k & 1))
                low, high = (low | one, high) if k < 2 else (low, high | one)
            else:
                low = low | ((one & 0xFF) << (8 * k))
        got = low
        if FLOATS:
            got, rest = split(low, high)
            tl.store(raw + group, rest.to(tl.int32, bitcast=True), mask=group * 4 < elements)
    return got


@triton.jit
def place(k: tl.constexpr, FLOATS: tl.constexpr):
    """Which of four neighbours the k-th byte of a group belongs to."""
    return ((k & 1) << 1) | (k >> 1) if FLOATS else k


@triton.jit
def load_rest(raw, group, FLOATS: tl.constexpr):
    """The raw part of a group, before its symbols are popped: the load takes its time."""
    rest = tl.zeros(group.shape, tl.uint32)
    if FLOATS:
        rest = tl.load(raw + group).to(tl.uint32, bitcast=True)
    return rest


@triton.jit
def store_group(data, group, out, rest, FLOATS: tl.constexpr):
    """Store the symbols of groups that are whole."""
    if FLOATS:
        low, high = join(out, rest)
        both = low.to(tl.uint64) | (high.to(tl.uint64) << 32)
        tl.store(data.to(tl.pointer_type(tl.uint64)) + group, both)
    else:
        tl.store(data.to(tl.pointer_type(tl.uint32)) + group, out)


@triton.jit
def store_tail(data, raw, group, elements, out, FLOATS: tl.constexpr):
    """Store the symbols of groups that may reach beyond the end, one by one."""
    low, high = out, out
    if FLOATS:
        rest = tl.load(raw + group, mask=group * 4 < elements, other=0)
        low, high = join(out, rest.to(tl.uint32, bitcast=True))
    for k in tl.static_range(4):
        at = group * 4 + k
        one = (low if k < 2 else high) >> (16 * (k & 1)) if FLOATS else out >> (8 * k)
        tl.store(data + at, one.to(data.dtype.element_ty), mask=at < elements)
