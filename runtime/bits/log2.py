"""An integer logarithm, the same on every device: the unit of the ledger.

``log2(h) = e + log2(1 + i/1024) + log2(1 + y)`` with the top ten bits i of the mantissa from a
frozen table and ``log2(1 + y) = (y - y**2/2 + y**3/3) log2(e)`` for y < 2**-10, in 40 fraction
bits throughout, so the result is within 0.52 * 2**-32 of the real logarithm, and exact for
powers of two.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits.tables import logarithm_table

LOG2_E = 3098164009
"""round(2**31 * log2(e))"""


@cache
def log2_table(device: torch.device) -> Tensor:
    """The frozen table of ``logarithm_table`` on a device, int64 [1024]."""
    return torch.from_numpy(logarithm_table()).to(device)


def log2_units(value: Tensor) -> Tensor:
    """log2 of int64 values in [1, 2**48), in steps of 2**-32, as int64 of the same shape."""
    exponent = torch.frexp(value.double()).exponent.long() - 1
    mantissa = value << (47 - exponent)
    index = (mantissa >> 37) - 1024
    y = torch.div((mantissa & ((1 << 37) - 1)) << 3, 1024 + index, rounding_mode="floor")
    square = (y * y) >> 40
    cube = torch.div((square * y) >> 40, 3, rounding_mode="floor")
    rest = ((y - (square >> 1) + cube) * LOG2_E) >> 31
    return ((exponent << 40) + log2_table(value.device)[index] + rest + 128) >> 8
