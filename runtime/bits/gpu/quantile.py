"""The quantile of a mixture in float32, in Triton: a first guess for its pop.

Newton's method on the real-valued leaky CDF, kept between bounds that it has passed. Nothing of it
reaches a tape: boundaries of the integer model confirm every guess. Positions are in symbols of
the window, from its first boundary on.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.constants import PRECISION
from revc.runtime.bits.gpu.beside import any_of

ROUNDS = tl.constexpr(8)
"""Steps at most; modes that lie apart take the most."""
NEAR = tl.constexpr(0.25)
"""A step of fewer symbols is the last."""
UNIT = tl.constexpr(2.0**-PRECISION)
AHEAD = tl.constexpr(1.5)
"""Two roundings downwards lower a boundary by about 1, and a symbol's middle lies 1/2 above it."""


@triton.jit
def part(edge, wide, loc, scale, rates, e, c, C: tl.constexpr):
    """Of component ``c``: (boundary 0 from its location, in symbols; cells of its table a symbol).

    ``edge`` is boundary 0 in 2**-8 steps, ``wide`` a symbol's width in them.
    """
    n = tl.load(scale + e * C + c).to(tl.int32)
    mean = tl.load(loc + e * C + c)
    return (edge - mean).to(tl.float32) * (1.0 / wide), tl.load(rates + n) * wide


@triton.jit
def share_of(weight, e, c, C: tl.constexpr):
    """Weight of component ``c``, as a part of 1."""
    return tl.load(weight + e * C + c).to(tl.float32) * UNIT


@triton.jit
def cdf_at(x, edge, wide, weight, loc, scale, rates, linear, cubic, e, C: tl.constexpr):
    """(CDF, density a symbol) of the mixture at ``x``, by the ``curve`` of its family."""
    total, slope = tl.zeros_like(x), tl.zeros_like(x)
    for c in range(C):
        start, rate = part(edge, wide, loc, scale, rates, e, c, C)
        share = share_of(weight, e, c, C)
        cell = (start + x) * rate
        bend = cubic * cell * cell
        octaves = tl.minimum(tl.maximum(cell * (linear + bend), -60.0), 60.0)
        below = 1.0 / (1.0 + tl.exp2(octaves))
        total += share * below
        slope -= share * below * (1.0 - below) * (linear + 3.0 * bend) * rate
    return total, slope * 0.6931471805599453


@triton.jit
def middle(point, edge, wide, weight, loc, scale, rates, quantile, e, C: tl.constexpr):
    """The mean of the components' quantiles at a point: where the search starts."""
    cell = tl.load(quantile + (point >> 4)).to(tl.float32)
    x = tl.zeros_like(cell)
    for c in range(C):
        start, rate = part(edge, wide, loc, scale, rates, e, c, C)
        x += share_of(weight, e, c, C) * (cell / rate - start)
    return x


@triton.jit
def guess(
    point, fine, origin, size, regular, weight, loc, scale, rates, quantile, curve, e, on,
    C: tl.constexpr,
):  # fmt: skip
    """The symbol that probably is at ``point``, int32 in [0, size - 1]."""
    edge = ((origin << fine) << 8) - 128
    wide = tl.exp2((fine + 8).to(tl.float32))
    linear, cubic = tl.load(curve), tl.load(curve + 1)
    high = size.to(tl.float32)
    span, low, goal = regular - high, tl.zeros_like(high), point.to(tl.float32) + AHEAD
    x = middle(point, edge, wide, weight, loc, scale, rates, quantile, e, C)
    x = tl.minimum(tl.maximum(x, low), high)
    moving, left = on, ROUNDS
    while any_of(moving):
        below, slope = cdf_at(x, edge, wide, weight, loc, scale, rates, linear, cubic, e, C)
        gap = goal - (x + below * span)
        low, high = tl.where(gap >= 0, x, low), tl.where(gap >= 0, high, x)
        to = x + gap / (1.0 + slope * span)
        to = tl.where((to >= low) & (to <= high), to, (low + high) * 0.5)
        left -= 1
        moving = moving & (tl.abs(to - x) > NEAR) & (left > 0)
        x = to
    return tl.minimum(tl.maximum(x, 0.0), size.to(tl.float32) - 1.0).to(tl.int32)
