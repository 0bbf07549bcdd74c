"""A mixture of integer logistics or Gaussians per symbol in Triton; the algorithm of
``cpu.mixture``.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.beside import pop_beside, push_beside
from revc.runtime.bits.gpu.lane import at, enter, kernel, leave, pop_interval, push_interval


@triton.jit
def component(loc, scale, radius, e, c, on, C: tl.constexpr):
    """(location moved inwards, scale number, reach) of component ``c``."""
    n = tl.load(scale + e * C + c, mask=on, other=0).to(tl.int64)
    reach = tl.load(radius + n)
    limit = (2147483646 - reach) << 8
    mean = tl.load(loc + e * C + c, mask=on, other=0)
    return tl.minimum(tl.maximum(mean, -limit), limit), n, reach


@triton.jit
def bit_length(value):
    """Bits of ``value`` int64 in [0, 2**32)."""
    left, bits = value, tl.zeros_like(value)
    for k in tl.static_range(5):
        some = (left >> (16 >> k) > 0).to(tl.int64) * (16 >> k)
        left, bits = left >> some, bits + some
    return bits + left


@triton.jit
def window(loc, scale, radius, e, on, C: tl.constexpr):
    """Window that holds every component; gives (fine, origin, size)."""
    mean, _, reach = component(loc, scale, radius, e, 0, on, C)
    low, high = (mean >> 8) - reach, (mean >> 8) + reach + 1
    for c in range(1, C):
        mean, _, reach = component(loc, scale, radius, e, c, on, C)
        low = tl.minimum(low, (mean >> 8) - reach)
        high = tl.maximum(high, (mean >> 8) + reach + 1)
    fine = bit_length((high - low) >> 8)
    origin = low >> fine
    return fine, origin, (high >> fine) - origin + 1


@triton.jit
def bound(
    i, fine, origin, size, regular, weight, loc, scale, cdf, inverse, shift, radius, e, on,
    C: tl.constexpr,
):  # fmt: skip
    """C(i) of the window: 2**16 times the leaky CDF at boundary ``i``."""
    edge = (((origin + i) << fine) << 8) - 128
    total = tl.zeros_like(i)
    for c in range(C):
        mean, n, _ = component(loc, scale, radius, e, c, on, C)
        cell = ((edge - mean) * tl.load(inverse + n) >> tl.load(shift + n)) + 2048
        mass = tl.load(cdf + tl.minimum(tl.maximum(cell, 0), 4095)).to(tl.int64)
        total += mass * tl.load(weight + e * C + c, mask=on, other=0).to(tl.int64)
    return i + ((total >> 16) * (regular - size) >> 16)


@kernel
def push_mixture(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, weight, loc, scale, regular, cdf, inverse, shift, radius,
    LOW: tl.constexpr, BLOCK: tl.constexpr, C: tl.constexpr,
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
        head, top, owe = push_beside(
            words, count, seed, lane, head, top, owe, on, v, escaped, fine, origin, size, LOW
        )
        inside = tl.where(escaped, 0, index)
        start = bound(inside, fine, origin, size, regular, weight, loc, scale, cdf, inverse,
                      shift, radius, e, on, C)  # fmt: skip
        stop = bound(inside + 1, fine, origin, size, regular, weight, loc, scale, cdf, inverse,
                     shift, radius, e, on, C)  # fmt: skip
        start = tl.where(escaped, 65535, start)
        freq = tl.where(escaped, 1, stop - start)
        head, top, owe = push_interval(
            words, count, seed, lane, head, top, owe, on, start, freq, 1.0 / freq.to(tl.float64),
            LOW, True,
        )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@kernel
def pop_mixture(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, weight, loc, scale, regular, cdf, inverse, shift, radius,
    LOW: tl.constexpr, BLOCK: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    """Undo ``push_mixture`` by bisection: nine halvings for at most 258 symbols."""
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
                        shift, radius, e, on, C)  # fmt: skip
            found = got <= point
            start, i = tl.where(found, got, start), tl.where(found, middle, i)
            stop, above = tl.where(found, stop, got), tl.where(found, above, middle)
        head, top, owe = pop_interval(
            words, count, seed, lane, head, top, owe, on, start, stop - start, LOW, True
        )
        value, head, top, owe = pop_beside(
            words, count, seed, lane, head, top, owe, on, i, fine, origin, size, LOW
        )
        tl.store(symbols + e, value.to(symbols.dtype.element_ty), mask=on)
    leave(heads, fill, debt, lane, live, head, top, owe)
