"""The size of every sequence in one kernel; the integer logarithm of ``bits.log2``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.constants import LENGTH_BITS, UNIT_BITS, WORD_BITS
from revc.runtime.bits.gpu.lane import kernel
from revc.runtime.bits.log2 import LOG2_E

_LOG2_E = tl.constexpr(LOG2_E)
_SHIFT = tl.constexpr(LENGTH_BITS - UNIT_BITS)
_LOW = tl.constexpr((1 << (LENGTH_BITS - UNIT_BITS)) - 1)
_HALF = tl.constexpr(1 << (LENGTH_BITS - UNIT_BITS - 1))
_WORD = tl.constexpr(WORD_BITS << UNIT_BITS)


@triton.jit
def log2_units(value, table):
    """log2 of int64 in [1, 2**48), in 2**-32; ``table`` is the frozen one, int64 [1024]."""
    exponent = (value.to(tl.float64).to(tl.int64, bitcast=True) >> 52) - 1023
    mantissa = value << (47 - exponent)
    index = (mantissa >> 37) - 1024
    y = ((mantissa & ((1 << 37) - 1)) << 3) // (1024 + index)  # nothing here is negative
    square = (y * y) >> 40
    cube = ((square * y) >> 40) // 3
    rest = ((y - (square >> 1) + cube) * _LOG2_E) >> 31
    return ((exponent << 40) + tl.load(table + index) + rest + 128) >> 8


@kernel
def sizes(heads, fill, debt, table, out, lanes, spilled, BLOCK: tl.constexpr):
    """int64 [sequences] in 2**-20 bit, a program each; heads are summed in two parts, as there."""
    first = tl.program_id(0).to(tl.int64) * lanes
    words = tl.zeros([BLOCK], tl.int64)
    high, low = tl.zeros([BLOCK], tl.int64), tl.zeros([BLOCK], tl.int64)
    for start in range(0, lanes, BLOCK):
        j = start + tl.arange(0, BLOCK)
        on = j < lanes
        at = first + j
        held = tl.load(fill + at, mask=on, other=0) - tl.load(debt + at, mask=on, other=0)
        words += tl.where(on, held + spilled, 0)
        length = log2_units(tl.load(heads + at, mask=on, other=1), table)
        high += length >> _SHIFT
        low += length & _LOW
    rest = (tl.sum(low, 0) + _HALF) >> _SHIFT
    size = tl.sum(words, 0) * _WORD + tl.sum(high, 0) + rest
    tl.store(out + tl.program_id(0), size)
