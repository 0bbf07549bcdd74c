"""Snapping of float parameters to the integer grid of ``tables``.

All steps are exact or single IEEE operations on float64, so the same floats give the same integers
on every device. What they cannot do is make the floats themselves repeatable: see ``portable``.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits.tables import PER_OCTAVE, SCALES

LOC_LIMIT = 1 << 39
"""Largest location, in 2**-8 index units: the range of int32 indices."""
MANTISSA = (1 << 52) - 1
STEPS = (
    176807835727864,
    551520035133120,
    956231595382522,
    1393344257472190,
    1865452045155277,
    2375356659049296,
    2926084103191652,
    3520902642712873,
    4163342199196466,
)
"""Mantissas of 2**((i + 1/2) / 9): half-way (in the logarithm) between neighbouring scales."""


@cache
def _steps(device: torch.device) -> Tensor:
    return torch.tensor(STEPS, device=device)


def snap_loc(loc: Tensor, step: float) -> Tensor:
    """Locations (float64, in units of values) as int64 in 2**-8 index units."""
    return torch.round(loc * (256.0 / step)).clamp(-LOC_LIMIT, LOC_LIMIT).long()


def snap_scale(scale: Tensor, step: float) -> Tensor:
    """Positive scales (float64, in units of values) as the nearest grid scale, uint8.

    Reads the exponent and compares the mantissa with nine thresholds: no logarithm, whose last
    bit differs between devices. Scales below half a step become half a step.
    """
    bits = (scale / step).contiguous().view(torch.int64)
    number = PER_OCTAVE * ((bits >> 52) - 1022)
    number += torch.bucketize(bits & MANTISSA, _steps(scale.device), right=True)
    return number.clamp(0, SCALES - 1).to(torch.uint8)
