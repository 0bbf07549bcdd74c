"""A mixture of integer logistics or Gaussians per symbol in Triton; the algorithm of
``cpu.mixture``.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.beside import any_of, pop_beside, push_beside
from revc.runtime.bits.gpu.lane import at, enter, kernel, leave, pop_interval, push_interval
from revc.runtime.bits.gpu.quantile import guess


@triton.jit
def component(loc, scale, radius, e, c, C: tl.constexpr):
    """(location moved inwards, scale number, reach) of component ``c`` of elements ``e``."""
    n = tl.load(scale + e * C + c).to(tl.int32)
    reach = tl.load(radius + n)
    limit = (2147483646 - reach) << 8
    mean = tl.load(loc + e * C + c)
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
def window(loc, scale, radius, e, C: tl.constexpr):
    """Window that holds every component; gives (fine, origin, size)."""
    mean, _, reach = component(loc, scale, radius, e, 0, C)
    low, high = (mean >> 8) - reach, (mean >> 8) + reach + 1
    for c in range(1, C):
        mean, _, reach = component(loc, scale, radius, e, c, C)
        low = tl.minimum(low, (mean >> 8) - reach)
        high = tl.maximum(high, (mean >> 8) + reach + 1)
    fine = bit_length((high - low) >> 8)
    origin = low >> fine
    return fine, origin, (high >> fine) - origin + 1


@triton.jit
def mass(distance, down, cdf):
    """2**16 times a component's CDF, ``distance`` from its location in cells of 2**-down."""
    cell = tl.minimum(tl.maximum((distance >> down) + 2048, 0), 4095).to(tl.int32)
    return tl.load(cdf + cell).to(tl.uint32).to(tl.uint64)


@triton.jit
def leaky(i, total, span):
    """C(i), int32, of 2**32 times the CDF at boundary ``i``."""
    return i + (((total >> 16).to(tl.uint32) * span.to(tl.uint32)) >> 16).to(tl.int32)


@triton.jit
def bounds(
    i, fine, origin, span, weight, loc, scale, cdf, inverse, shift, radius, e, C: tl.constexpr
):
    """C(i) and C(i + 1) of the window, int32: where symbol ``i``, or the escape, begins and ends.

    ``span`` is what the leak leaves of the points.
    """
    edge = (((origin + i) << fine) << 8) - 128
    width = tl.full([1], 256, tl.int64) << fine
    below, above = tl.zeros_like(edge).to(tl.uint64), tl.zeros_like(edge).to(tl.uint64)
    for c in range(C):
        mean, n, _ = component(loc, scale, radius, e, c, C)
        rate, down = tl.load(inverse + n), tl.load(shift + n)
        share = tl.load(weight + e * C + c).to(tl.uint32).to(tl.uint64)
        distance = (edge - mean) * rate
        below += mass(distance, down, cdf) * share
        above += mass(distance + width * rate, down, cdf) * share
    return leaky(i, below, span), leaky(i + 1, above, span)


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
        e = tl.where(on, here + at(t, lanes, j), 0)  # idle lanes look at the first element
        v = tl.load(symbols + e).to(tl.int64)
        fine, origin, size = window(loc, scale, radius, e, C)
        index = (v >> fine) - origin
        escaped = (index < 0) | (index >= size)
        head, top, owe = push_beside(
            words, count, seed, lane, head, top, owe, on, v, escaped, fine, origin, size, LOW
        )
        inside, span = tl.where(escaped, 0, index).to(tl.int32), (regular - size).to(tl.int32)
        start, stop = bounds(
            inside, fine, origin, span, weight, loc, scale, cdf, inverse, shift, radius, e, C
        )
        start = tl.where(escaped, 65535, start).to(tl.int64)
        freq = tl.where(escaped, 1, stop - start).to(tl.int64)
        head, top, owe = push_interval(
            words, count, seed, lane, head, top, owe, on, start, freq, 1.0 / freq.to(tl.float64),
            LOW, True,
        )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@triton.jit
def search(
    point, fine, origin, size, regular, weight, loc, scale, cdf, inverse, shift, radius, rates,
    quantile, curve, e, on, C: tl.constexpr,
):  # fmt: skip
    """(symbol, start, stop) at ``point``, all int32: a guess, its neighbour, the next, halvings.

    Symbols in [``low``, ``above``) are left.
    """
    i = guess(
        point, fine, origin, size, regular, weight, loc, scale, rates, quantile, curve, e, on, C
    )
    span = (regular - size).to(tl.int32)
    low, above = tl.zeros_like(i), size.to(tl.int32) + 1
    start, stop = tl.zeros_like(i), tl.zeros_like(i)
    astray, looks = on, 0
    while any_of(astray):
        begin, end = bounds(
            i, fine, origin, span, weight, loc, scale, cdf, inverse, shift, radius, e, C
        )
        start = tl.where(astray, begin, start)
        stop = tl.where(astray, end, stop)
        over, under = astray & (start > point), astray & (stop <= point)
        above, low = tl.where(over, i, above), tl.where(under, i + 1, low)
        astray = over | under
        near = tl.where(under, i + 1, i - 1) if looks < 2 else (low + above) >> 1
        i = tl.where(astray, near, i)
        looks += 1
    return i, start, stop


@kernel
def pop_mixture(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, weight, loc, scale, regular, cdf, inverse, shift, radius, rates, quantile, curve,
    LOW: tl.constexpr, BLOCK: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    """Undo ``push_mixture``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for back in range(0, last - first):
        t = last - 1 - back
        on = live & (at(t, lanes, j) + j < elements)
        e = tl.where(on, here + at(t, lanes, j), 0)
        fine, origin, size = window(loc, scale, radius, e, C)
        i, start, stop = search(
            (head & 0xFFFF).to(tl.int32), fine, origin, size, regular, weight, loc, scale, cdf,
            inverse, shift, radius, rates, quantile, curve, e, on, C,
        )  # fmt: skip
        head, top, owe = pop_interval(
            words, count, seed, lane, head, top, owe, on, start.to(tl.int64),
            (stop - start).to(tl.int64), LOW, True,
        )  # fmt: skip
        value, head, top, owe = pop_beside(
            words, count, seed, lane, head, top, owe, on, i.to(tl.int64), fine, origin, size, LOW
        )
        tl.store(symbols + e, value.to(symbols.dtype.element_ty), mask=on)
    leave(heads, fill, debt, lane, live, head, top, owe)
