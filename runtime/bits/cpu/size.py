"""Sizes of stacks by an integer logarithm; the arithmetic is that of ``log2.log2_units``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.log2 import LOG2_E
from revc.runtime.bits.tables import logarithm_table

U = np.uint64
LOGARITHMS = logarithm_table()


@njit(cache=True)
def log2_units(value, table):
    """log2 of ``value`` in [1, 2**48) in steps of 2**-32, as ``revc.runtime.bits.log2`` has it."""
    exponent = 0
    for width in (32, 16, 8, 4, 2, 1):
        if value >> (exponent + width) > 0:
            exponent += width
    mantissa = value << (47 - exponent)
    index = (mantissa >> 37) - 1024
    y = ((mantissa & ((1 << 37) - 1)) << 3) // (1024 + index)
    square = (y * y) >> 40
    cube = (square * y) >> 40
    rest = ((y - (square >> 1) + cube // 3) * LOG2_E) >> 31
    return ((exponent << 40) + table[U(index)] + rest + 128) >> 8


@njit(cache=True)
def sizes(heads, fill, debt, spilled, table, out):
    """16 (W - D) + sum of log2(head) per sequence, in 2**-20 bit, into ``out`` int64 [B]."""
    lanes = heads.shape[0] // max(out.shape[0], 1)
    for b in range(out.shape[0]):
        words, fine = 0, 0
        for lane in range(b * lanes, b * lanes + lanes):
            words += spilled + fill[lane] - debt[lane]
            fine += log2_units(heads[lane], table)
        out[b] = (words << 24) + ((fine + 2048) >> 12)
