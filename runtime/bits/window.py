"""The integer window model in plain torch: what ``cpu.window`` codes, for books and tests."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from revc.runtime.bits.constants import PRECISION, UNIT
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.tables import window_tensors


class Interval(NamedTuple):
    """What a symbol costs; int64 tensors of the symbols' shape.

    The interval ``[start, start + freq)``, and two uniform digits (value, base) that are pushed
    before it, the lower one first.
    """

    start: Tensor
    freq: Tensor
    lower: tuple[Tensor, Tensor]
    upper: tuple[Tensor, Tensor]

    def length(self) -> Tensor:
        """Information in 2**-32 bit."""
        digits = log2_units(self.lower[1]) + log2_units(self.upper[1])
        return PRECISION * UNIT - log2_units(self.freq) + digits


def interval(family: str, symbols: Tensor, weight: Tensor, loc: Tensor, scale: Tensor) -> Interval:
    """Interval and digits of int32 symbols [...] under grid parameters [..., C]."""
    cdf, inverse, shift, radius, _, _ = window_tensors(family, symbols.device)
    number, value = scale.long(), symbols.long()
    limit = (2147483646 - radius[number]) << 8
    loc = torch.minimum(torch.maximum(loc, -limit), limit)
    low = ((loc >> 8) - radius[number]).amin(-1)
    high = ((loc >> 8) + radius[number] + 1).amax(-1)
    fine = torch.zeros_like(low)
    for _ in range(32):
        fine = fine + (((high - low) >> fine) > 255)
    origin = low >> fine
    size = (high >> fine) - origin + 1
    index = (value >> fine) - origin

    def boundary(i: Tensor) -> Tensor:
        edge = ((origin + i) << fine)[..., None]
        cell = ((((edge << 8) - 128 - loc) * inverse[number]) >> shift[number]) + 2048
        total = (weight.long() * cdf[cell.clamp(0, 4095)]).sum(-1) >> 16
        return i + ((total * (65535 - size)) >> 16)

    escaped = (index < 0) | (index >= size)
    inside = torch.where(escaped, 0, index)
    start, stop = boundary(inside), boundary(inside + 1)
    outside = (1 << 32) - (size << fine)
    rank = (value - ((origin + size) << fine)) & 0xFFFFFFFF
    rest = torch.where(escaped, rank, value & ((1 << fine) - 1))
    lower = torch.where(escaped, outside - (rank >> 16 << 16), 1 << fine).clamp(max=1 << 16)
    upper = torch.where(escaped, (outside + 0xFFFF) >> 16, 1 << (fine - 16).clamp(min=0))
    return Interval(
        torch.where(escaped, 65535, start), torch.where(escaped, 1, stop - start),
        (rest & 0xFFFF, lower), (rest >> 16, upper),
    )  # fmt: skip
