"""Philox-4x32-10 in numba: a key of 128 bits expanded to as many words as an array has elements."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

_M32 = np.uint64(0xFFFFFFFF)
_S32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@njit(inline="always")
def _block(i, stream, k0, k1, k2, k3):
    """Four words for counter ``(i, stream, k2, k3)`` and key ``(k0, k1)``."""
    a, b, c, d = np.uint64(i), stream, k2, k3
    for _ in range(10):
        p, q = _M0 * a, _M1 * c
        a = (q >> _S32) ^ b ^ k0
        b = q & _M32
        c = (p >> _S32) ^ d ^ k1
        d = p & _M32
        k0 = (k0 + _W0) & _M32
        k1 = (k1 + _W1) & _M32
    return a, b, c, d


@njit(cache=True)
def words(out, stream, key):
    """Fill ``out`` int64 [n]: element i is word ``i // m`` of block ``i % m``, m = ceil(n / 4)."""
    n = out.shape[0]
    m = (n + 3) // 4
    s, k0, k1, k2, k3 = np.uint64(stream), key[0], key[1], key[2], key[3]
    for i in range(m):
        a, b, c, d = _block(i, s, k0, k1, k2, k3)
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
        a, b, c, d = _block(i, s, k0, k1, k2, k3)
        out[i] = a < bound
        out[i + m] = b < bound
        out[i + 2 * m] = c < bound
        out[i + 3 * m] = d < bound
    for i in range(n - 3 * m if n >= 3 * m else 0, m):
        a, b, c, d = _block(i, s, k0, k1, k2, k3)
        out[i] = a < bound
        if i + m < n:
            out[i + m] = b < bound
        if i + 2 * m < n:
            out[i + 2 * m] = c < bound
