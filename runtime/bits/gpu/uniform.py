"""Uniform digits and exact scaling in Triton; the algorithm of ``cpu.uniform``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import at, enter, kernel, leave, pop_digit, push_digit


@kernel
def push_uniform(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, n, own, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Push ``symbols`` [B, elements] below ``n``; ``own`` is 0 where one n is for all, else 1."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for t in range(first, last):
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        r = tl.load(symbols + e, mask=on, other=0).to(tl.int64)
        m = tl.load(n + e * own, mask=on, other=1)
        head, top, owe = push_digit(words, count, seed, lane, head, top, owe, on, r, m, LOW, True)
    leave(heads, fill, debt, lane, live, head, top, owe)


@kernel
def pop_uniform(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    symbols, n, own, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``push_uniform``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    for back in range(0, last - first):
        t = last - 1 - back
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        m = tl.load(n + e * own, mask=on, other=1)
        r, head, top, owe = pop_digit(words, count, seed, lane, head, top, owe, on, m, LOW, True)
        tl.store(symbols + e, r.to(symbols.dtype.element_ty), mask=on)
    leave(heads, fill, debt, lane, live, head, top, owe)


@kernel
def scale(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    x, n, own, k, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Replace ``x`` [B, elements] by x * n / 2**k."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    unit = tl.full([1], 1, tl.int64) << k
    for t in range(first, last):
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        m = tl.load(n + e * own, mask=on, other=1)
        value = tl.load(x + e, mask=on, other=0).to(tl.int64)
        r, head, top, owe = pop_digit(words, count, seed, lane, head, top, owe, on, m, LOW, True)
        v = value * m + r
        tl.store(x + e, (v >> k).to(x.dtype.element_ty), mask=on)
        head, top, owe = push_digit(
            words, count, seed, lane, head, top, owe, on, v & (unit - 1),
            unit + tl.zeros_like(v), LOW, True,
        )  # fmt: skip
    leave(heads, fill, debt, lane, live, head, top, owe)


@kernel
def unscale(
    words, heads, fill, debt, seed, count, lanes, elements, first, last,
    y, n, own, k, LOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo ``scale``."""
    lane, live, b, j, head, top, owe = enter(heads, fill, debt, count, lanes, BLOCK)
    here = b * elements + j
    unit = tl.full([1], 1, tl.int64) << k
    for back in range(0, last - first):
        t = last - 1 - back
        on = live & (at(t, lanes, j) + j < elements)
        e = here + at(t, lanes, j)
        m = tl.load(n + e * own, mask=on, other=1)
        value = tl.load(y + e, mask=on, other=0).to(tl.int64)
        q, head, top, owe = pop_digit(
            words, count, seed, lane, head, top, owe, on, unit + tl.zeros_like(m), LOW, True
        )
        v = (value << k) + q
        quotient = tl.floor((v.to(tl.float64) + 0.5) * (1.0 / m.to(tl.float64))).to(tl.int64)
        tl.store(y + e, quotient.to(y.dtype.element_ty), mask=on)
        head, top, owe = push_digit(
            words, count, seed, lane, head, top, owe, on, v - quotient * m, m, LOW, True
        )
    leave(heads, fill, debt, lane, live, head, top, owe)
