"""Window coders in Triton: one component or a mixture; the algorithm of ``cpu.window``.

Low bits and escapes are two uniform digits, of base 1 where there is nothing to code, as in
``bits.window``: a power of two as a base leaves the same words as a shift.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import (
    at,
    enter,
    kernel,
    leave,
    pop_digit,
    pop_interval,
    push_digit,
    push_interval,
)


@triton.jit
def component(loc, scale, radius, e, c, on, C: tl.constexpr):
    """(location moved inwards, scale number, reach) of component ``c``."""
    n = tl.load(scale + e * C + c, mask=on, other=0).to(tl.int64)
    reach = tl.load(radius + n)
    limit = (2147483646 - reach) << 8
    mean = tl.load(loc + e * C + c, mask=on, other=0)
    return tl.minimum(tl.maximum(mean, -limit), limit), n, reach


@triton.jit
def window(loc, scale, radius, e, on, C: tl.constexpr):
    """Window that holds every component; gives (fine, origin, size)."""
    mean, _, reach = component(loc, scale, radius, e, 0, on, C)
    low, high = (mean >> 8) - reach, (mean >> 8) + reach + 1
    for c in range(1, C):
        mean, _, reach = component(loc, scale, radius, e, c, on, C)
        low = tl.minimum(low, (mean >> 8) - reach)
        high = tl.maximum(high, (mean >> 8) + reach + 1)
    fine = tl.zeros_like(low)
    for _ in range(25):
        fine += ((high - low) >> fine > 255).to(tl.int64)
    origin = low >> fine
    return fine, origin, (high >> fine) - origin + 1


@triton.jit
def bound(
    i, fine, origin, size, regular, weight, loc, scale, cdf, inverse, shift, radius, e, on,
    C: tl.constexpr, WEIGHTED: tl.constexpr,
):  # fmt: skip
    """C(i) of the window: 2**16 times the leaky CDF at boundary ``i``."""
    edge = (((origin + i) << fine) << 8) - 128
    total = tl.zeros_like(i)
    for c in range(C):
        mean, n, _ = component(loc, scale, radius, e, c, on, C)
        cell = ((edge - mean) * tl.load(inverse + n) >> tl.load(shift + n)) + 2048
        mass = tl.load(cdf + tl.minimum(tl.maximum(cell, 0), 4095)).to(tl.int64)
        if WEIGHTED:
            mass *= tl.load(weight + e * C + c, mask=on, other=0).to(tl.int64)
        total += mass
    if WEIGHTED:
        total = total >> 16
    return i + (total * (regular - size) >> 16)


@triton.jit
def rest_bases(escaped, fine, size, upper):
    """Bases of the two digits beside a symbol, the lower one under the digit ``upper``."""
    outside = (tl.full([1], 1, tl.int64) << 32) - (size << fine)
    one = tl.full([1], 1, tl.int64)
    lower = tl.where(escaped, outside - (upper << 16), one << fine)
    upper_base = tl.where(escaped, (outside + 0xFFFF) >> 16, one << tl.maximum(fine - 16, 0))
    return tl.minimum(lower, 65536), upper_base


@kernel
def push_window(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, weight, loc, scale, regular, cdf, inverse, shift, radius,
    LOW: tl.constexpr, BLOCK: tl.constexpr, C: tl.constexpr, WEIGHTED: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` [B, elements] by parameters [B, elements, C]; 2**16 points less an escape's
    are ``regular``.
    """
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for t in range(first, last):
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        v = tl.load(symbols + e, mask=on, other=0).to(tl.int64)
        fine, origin, size = window(loc, scale, radius, e, on, C)
        index = (v >> fine) - origin
        escaped = (index < 0) | (index >= size)
        rank = (v - ((origin + size) << fine)) & 0xFFFFFFFF
        rest = tl.where(escaped, rank, v & ((tl.full([1], 1, tl.int64) << fine) - 1))
        lower, upper = rest_bases(escaped, fine, size, rest >> 16)
        if tl.max((on & (lower > 1)).to(tl.int32), 0) > 0:
            head, top, owe = push_digit(
                words, count, seed, lane, head, top, owe, on, rest & 0xFFFF, lower, LOW, True
            )
            head, top, owe = push_digit(
                words, count, seed, lane, head, top, owe, on, rest >> 16, upper, LOW, True
            )
        inside = tl.where(escaped, 0, index)
        start = bound(inside, fine, origin, size, regular, weight, loc, scale, cdf, inverse,
                      shift, radius, e, on, C, WEIGHTED)  # fmt: skip
        stop = bound(inside + 1, fine, origin, size, regular, weight, loc, scale, cdf, inverse,
                     shift, radius, e, on, C, WEIGHTED)  # fmt: skip
        start = tl.where(escaped, 65535, start)
        freq = tl.where(escaped, 1, stop - start)
        head, top, owe = push_interval(
            words, count, seed, lane, head, top, owe, on, start, freq, 1.0 / freq.to(tl.float64),
            LOW, True,
        )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@kernel
def pop_window(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, weight, loc, scale, regular, cdf, inverse, shift, radius,
    LOW: tl.constexpr, BLOCK: tl.constexpr, C: tl.constexpr, WEIGHTED: tl.constexpr,
):  # fmt: skip
    """Undo ``push_window`` by bisection: nine halvings for at most 258 symbols."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for back in range(0, last - first):
        t = last - 1 - back
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        fine, origin, size = window(loc, scale, radius, e, on, C)
        point = head & 0xFFFF
        i, above = tl.zeros_like(size), size + 1
        start, stop = tl.zeros_like(size), tl.zeros_like(size) + 65536
        for _ in range(9):
            middle = (i + above) >> 1
            got = bound(middle, fine, origin, size, regular, weight, loc, scale, cdf, inverse,
                        shift, radius, e, on, C, WEIGHTED)  # fmt: skip
            found = got <= point
            start, i = tl.where(found, got, start), tl.where(found, middle, i)
            stop, above = tl.where(found, stop, got), tl.where(found, above, middle)
        head, top, owe = pop_interval(
            words, count, seed, lane, head, top, owe, on, start, stop - start, LOW, True
        )
        escaped = i == size
        _, base = rest_bases(escaped, fine, size, tl.zeros_like(i))
        rest = tl.zeros_like(i)
        if tl.max((on & (escaped | (fine > 0))).to(tl.int32), 0) > 0:
            upper, head, top, owe = pop_digit(
                words, count, seed, lane, head, top, owe, on, base, LOW, True
            )
            base, _ = rest_bases(escaped, fine, size, upper)
            lower, head, top, owe = pop_digit(
                words, count, seed, lane, head, top, owe, on, base, LOW, True
            )
            rest = (upper << 16) | lower
        value = ((origin + i) << fine) + rest
        tl.store(symbols + e, value.to(symbols.dtype.element_ty), mask=on)
    leave(heads, fill, debt, lane, live, head, top, owe)
