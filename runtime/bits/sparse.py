"""Rows of integer CDFs in which some symbols have no frequency: which do, and the nearest."""

from __future__ import annotations

import torch
from torch import Tensor

from revc.runtime.bits.constants import TOTAL


def frequency(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    """Frequency int64 of symbols [...] by rows ``row`` [...] of ``cdf`` [R, K + 1]; 0 outside."""
    count, symbols = cdf.shape[1] - 1, symbols.long()
    place = row.long() * (count + 1) + symbols.clamp(0, count - 1)
    flat = cdf.reshape(-1)
    freq = flat[place + 1].long() - flat[place]
    return torch.where((symbols >= 0) & (symbols < count), freq, 0)


def nearest(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    """The symbols with a frequency that are nearest to ``symbols`` [...], int64."""
    own = cdf[row.reshape(-1).long()]
    wanted = symbols.reshape(-1, 1).long().clamp(0, cdf.shape[1] - 2)
    start, stop = own.gather(1, wanted), own.gather(1, wanted + 1)
    # The last symbol that starts at or before a point is the one that owns it.
    below = torch.searchsorted(own, (stop - 1).clamp(min=0), right=True) - 1
    above = torch.searchsorted(own, start.clamp(max=TOTAL - 1), right=True) - 1
    closer = (wanted - below).abs() <= (above - wanted).abs()
    return torch.where(closer, below, above).reshape(symbols.shape)
