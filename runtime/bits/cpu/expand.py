"""Philox-4x32-10 in numba: a key of 128 bits expanded to as many words as an array has elements."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.philox import block


@njit(cache=True)
def words(out, stream, key):
    """Fill ``out`` int64 [n]: element i is word ``i // m`` of block ``i % m``, m = ceil(n / 4)."""
    n = out.shape[0]
    m = (n + 3) // 4
    s, k0, k1, k2, k3 = np.uint64(stream), key[0], key[1], key[2], key[3]
    for i in range(m):
        a, b, c, d = block(np.uint64(i), s, k2, k3, k0, k1)
        out[i] = np.int64(a)
        if i + m < n:
            out[i + m] = np.int64(b)
        if i + 2 * m < n:
            out[i + 2 * m] = np.int64(c)
        if i + 3 * m < n:
            out[i + 3 * m] = np.int64(d)


@njit(cache=True)
def below(out, stream, key, bound):
    """Fill ``out`` [n] with whether the words of `words` are below ``bound``: 1 or 0."""
    n = out.shape[0]
    m = (n + 3) // 4
    s, k0, k1, k2, k3 = np.uint64(stream), key[0], key[1], key[2], key[3]
    for i in range(n - 3 * m if n >= 3 * m else 0):
        a, b, c, d = block(np.uint64(i), s, k2, k3, k0, k1)
        out[i] = a < bound
        out[i + m] = b < bound
        out[i + 2 * m] = c < bound
        out[i + 3 * m] = d < bound
    for i in range(n - 3 * m if n >= 3 * m else 0, m):
        a, b, c, d = block(np.uint64(i), s, k2, k3, k0, k1)
        out[i] = a < bound
        if i + m < n:
            out[i + m] = b < bound
        if i + 2 * m < n:
            out[i + 2 * m] = c < bound
