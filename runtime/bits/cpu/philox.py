"""Philox-4x32-10 in numba.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

M32 = np.uint64(0xFFFFFFFF)
S32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@njit(inline="always")
def block(a, b, c, d, k0, k1):
    """Four words of 32 bits, uint64 each, for the counter ``(a, b, c, d)`` and key ``(k0, k1)``."""
    for _ in range(10):
        p, q = _M0 * a, _M1 * c
        a = (q >> S32) ^ b ^ k0
        b = q & M32
        c = (p >> S32) ^ d ^ k1
        d = p & M32
        k0 = (k0 + _W0) & M32
        k1 = (k1 + _W1) & M32
    return a, b, c, d
