"""The integer window model in plain torch: what ``cpu.window`` codes, for books and tests."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from revc.runtime.bits.constants import LENGTH_UNIT, PRECISION, TOTAL
from revc.runtime.bits.cpu.mixture import boundaries as fast_boundaries
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.tables import window_tensors

REGULAR = {False: TOTAL - 1, True: TOTAL}
"""Points of [0, 2**16) that the symbols of a window share, by whether it is bounded."""


class Window(NamedTuple):
    """Where windows lie; int64 tensors of the symbols' shape.

    A window is ``size`` coarse indices from ``origin`` on, a coarse index being ``v >> fine``.
    """

    fine: Tensor
    origin: Tensor
    size: Tensor

    def ends(self) -> tuple[Tensor, Tensor]:
        """Least and largest index inside."""
        return self.origin << self.fine, ((self.origin + self.size) << self.fine) - 1


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
        return PRECISION * LENGTH_UNIT - log2_units(self.freq) + digits


def inner(family: str, loc: Tensor, scale: Tensor) -> Tensor:
    """Locations, moved inwards where their windows would leave int32."""
    radius = window_tensors(family, loc.device)[3]
    limit = (2147483646 - radius[scale.long()]) << 8
    return torch.minimum(torch.maximum(loc, -limit), limit)


def window_of(family: str, loc: Tensor, scale: Tensor) -> Window:
    """The window that holds every component of grid parameters [..., C]."""
    radius = window_tensors(family, loc.device)[3][scale.long()]
    mean = inner(family, loc, scale) >> 8
    low, high = (mean - radius).amin(-1), (mean + radius + 1).amax(-1)
    # The shifts after which a distance is above 255 are as many as it has binary digits above 8.
    fine = (torch.frexp((high - low).double()).exponent - 8).clamp(min=0).long()
    origin = low >> fine
    return Window(fine, origin, (high >> fine) - origin + 1)


def mass(family: str, edge: Tensor, weight: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """2**16 times a mixture's CDF at the left edge of index ``edge``, rounded down."""
    cdf, inverse, shift, _, _, _ = window_tensors(family, edge.device)
    number = scale.long()
    distance = (edge[..., None] << 8) - 128 - inner(family, loc, scale)
    cell = ((distance * inverse[number]) >> shift[number]) + 2048
    return (weight.long() * cdf[cell.clamp(0, 4095)]).sum(-1) >> 16


def interval(
    family: str, symbols: Tensor, weight: Tensor, loc: Tensor, scale: Tensor, bounded: bool = False
) -> Interval:
    """Interval and digits of int32 symbols [...] under grid parameters [..., C].

    In a bounded window a symbol outside counts as the nearest one inside.
    """
    window = window_of(family, loc, scale)
    fine, origin, size = window
    low, high = window.ends()
    value = symbols.long()
    if bounded:
        value = torch.minimum(torch.maximum(value, low), high)
    index = (value >> fine) - origin

    def boundary(i: Tensor) -> Tensor:
        total = mass(family, (origin + i) << fine, weight, loc, scale)
        return i + ((total * (REGULAR[bounded] - size)) >> 16)

    escaped = (index < 0) | (index >= size)
    inside = torch.where(escaped, 0, index)
    start, stop = boundary(inside), boundary(inside + 1)
    outside = (1 << 32) - (size << fine)
    rank = (value - high - 1) & 0xFFFFFFFF
    rest = torch.where(escaped, rank, value & ((1 << fine) - 1))
    lower = torch.where(escaped, outside - (rank >> 16 << 16), 1 << fine).clamp(max=1 << 16)
    upper = torch.where(escaped, (outside + 0xFFFF) >> 16, 1 << (fine - 16).clamp(min=0))
    return Interval(
        torch.where(escaped, 65535, start), torch.where(escaped, 1, stop - start),
        (rest & 0xFFFF, lower), (rest >> 16, upper),
    )  # fmt: skip


def boundaries(family: str, weight: Tensor, loc: Tensor, scale: Tensor, bounded: bool) -> Tensor:
    """C(i) of windows for i in [0, 257], int64 [..., 258]; constant beyond their size."""
    if loc.device.type == "cpu":
        return boundaries_on_cpu(family, weight, loc, scale, bounded)
    return boundaries_anywhere(family, weight, loc, scale, bounded)


def boundaries_on_cpu(
    family: str, weight: Tensor, loc: Tensor, scale: Tensor, bounded: bool
) -> Tensor:
    """The same in one pass of numba."""
    parts = [t.reshape(-1, t.shape[-1])[None].contiguous() for t in (weight, loc, scale)]
    out = torch.empty((*loc.shape[:-1], 258), dtype=torch.int64, device="cpu")
    tables = window_tensors(family, loc.device)[:4]
    grid, arrays = [t.numpy() for t in parts], [t.numpy() for t in tables]
    kernel: Any = fast_boundaries
    kernel(*grid, REGULAR[bounded], *arrays, out.reshape(-1, 258)[None].numpy())
    return out


def boundaries_anywhere(
    family: str, weight: Tensor, loc: Tensor, scale: Tensor, bounded: bool
) -> Tensor:
    """The same on any device."""
    fine, origin, size = (t[..., None] for t in window_of(family, loc, scale))
    i = torch.minimum(torch.arange(258, device=loc.device), size)
    parts = (t[..., None, :] for t in (weight, loc, scale))
    total = mass(family, (origin + i) << fine, *parts)
    return i + ((total * (REGULAR[bounded] - size)) >> 16)
