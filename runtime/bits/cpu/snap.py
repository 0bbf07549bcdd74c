"""Snapping of float parameters in one pass; the arithmetic of ``revc.runtime.bits.snap``."""

# mypy: disable-error-code="no-untyped-def,assignment"
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.snap import STEPS

T0, T1, T2, T3, T4, T5, T6, T7, T8 = STEPS
U = np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def snap(loc, scale, factor, step, out_loc, out_scale):
    """Snap flat float ``loc`` and ``scale``; gives (all locs are finite, all scales are usable).

    ``factor`` is 256 / step. What is not usable becomes something valid.
    """
    good_loc = good_scale = np.bool_(True)
    for i in range(loc.shape[0]):
        e = U(i)
        value = np.float64(loc[e]) * factor
        finite = np.abs(np.float64(loc[e])) < np.inf
        good_loc &= finite
        inside = min(max(value, -549755813888.0), 549755813888.0)
        out_loc[e] = np.int64(np.rint(inside)) if finite else 0
        width = np.float64(scale[e])
        usable = (width > 0.0) & (width < np.inf)
        good_scale &= usable
        bits = np.float64((width if usable else 1.0) / step).view(np.int64)
        rest = bits & 4503599627370495
        number = 9 * ((bits >> 52) - 1022)
        number += int(rest >= T0) + int(rest >= T1) + int(rest >= T2)
        number += int(rest >= T3) + int(rest >= T4) + int(rest >= T5)
        number += int(rest >= T6) + int(rest >= T7) + int(rest >= T8)
        out_scale[e] = min(max(number, 0), 255)
    return good_loc, good_scale
