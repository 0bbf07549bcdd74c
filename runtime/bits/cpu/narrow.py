"""One pass over the symbols of tempered windows; the arithmetic of ``revc.runtime.bits.narrow``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.window import inner

U = np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def cells(
    level_bits, alpha_bits, top, centre, alpha, entropy, radius, least, most,
    loc, scale, row, origin, bits,
):  # fmt: skip
    """Fill row int32, origin and bits int64 [B, E] from grid parameters [B, E] and alpha [B].

    ``least`` and ``most`` are the ends of every row's support.
    """
    step = 32 - level_bits
    for b in range(loc.shape[0]):
        for e in range(loc.shape[1]):
            n = U(scale[U(b), U(e)])
            where = inner(loc[U(b), U(e)], radius[n])
            wanted = (alpha[U(b)] * entropy[n, U(where & 255)]) >> alpha_bits
            level = (wanted + (1 << (step - 1))) >> step
            raw = max(level - top + (1 << level_bits) - 1, 0) >> level_bits
            level -= raw << level_bits
            place = (where + 128 + (16 << raw)) >> (raw + 5)
            if level == 0:
                place = (where + 128) >> 8 << 3
            r, edge = level * 8 + (place & 7), 1 << (31 - raw)
            low = max((place >> 3) - centre, -edge - least[U(r)])
            row[U(b), U(e)] = r
            origin[U(b), U(e)] = min(low, edge - 1 - most[U(r)])
            bits[U(b), U(e)] = raw


@njit(cache=True, nogil=True, error_model="numpy")
def frequency(cdf, row, symbols, out):
    """Fill ``out`` int64 [N] with the frequencies of symbols [N] by rows of ``cdf``; 0 outside."""
    count = cdf.shape[1] - 1
    for i in range(out.shape[0]):
        s, r = int(symbols[U(i)]), U(row[U(i)])
        known = (s >= 0) & (s < count)
        s = s if known else 0
        out[U(i)] = (int(cdf[r, U(s + 1)]) - int(cdf[r, U(s)])) * int(known)
