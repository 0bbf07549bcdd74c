"""Rows of integer CDFs in which some symbols have no frequency: which do, and the nearest."""

from __future__ import annotations

import torch
from torch import Tensor

from revc.runtime.bits.constants import TOTAL
from revc.runtime.bits.cpu.narrow import frequency as fast_frequency


def frequency(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    """Frequency int64 of symbols [...] by rows ``row`` [...] of ``cdf`` [R, K + 1]; 0 outside."""
    if symbols.device.type == "cpu":
        return _on_cpu(cdf, row, symbols)
    count, symbols = cdf.shape[1] - 1, symbols.long()
    place = row.long() * (count + 1) + symbols.clamp(0, count - 1)
    flat = cdf.reshape(-1)
    freq = flat[place + 1].long() - flat[place]
    return torch.where((symbols >= 0) & (symbols < count), freq, 0)


def _on_cpu(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    out = torch.empty(symbols.shape, dtype=torch.int64, device="cpu")
    rows, flat = row.expand(symbols.shape).reshape(-1), symbols.reshape(-1)
    fast_frequency(cdf.contiguous().numpy(), rows.numpy(), flat.numpy(), out.view(-1).numpy())
    return out


def nearest(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    """The symbols with a frequency that are nearest to ``symbols`` [...], int64; the lower of two.

    Rows that many symbols share are looked through once, and not copied for each of them.
    """
    if cdf.shape[0] * _SHARED <= symbols.numel():
        return _by_table(cdf, row, symbols)
    return _by_search(cdf, row, symbols)


_SHARED = 8
"""Symbols a row from which on a table of every row pays."""


def _by_table(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    count = cdf.shape[1] - 1
    place = torch.arange(count, device=cdf.device).expand(cdf.shape[0], count)
    held = torch.diff(cdf) > 0
    below = torch.where(held, place, -1).cummax(1).values
    above = torch.where(held, place, count).flip(1).cummin(1).values.flip(1)
    no_more = above == count
    takes_below = (below >= 0) & (no_more | (place - below <= above - place))
    found = torch.where(takes_below, below, above).reshape(-1)
    return found[row.long() * count + symbols.long().clamp(0, count - 1)]


def _by_search(cdf: Tensor, row: Tensor, symbols: Tensor) -> Tensor:
    own = cdf[row.reshape(-1).long()]
    wanted = symbols.reshape(-1, 1).long().clamp(0, cdf.shape[1] - 2)
    start, stop = own.gather(1, wanted), own.gather(1, wanted + 1)
    # The last symbol that starts at or before a point is the one that owns it.
    below = torch.searchsorted(own, (stop - 1).clamp(min=0), right=True) - 1
    above = torch.searchsorted(own, start.clamp(max=TOTAL - 1), right=True) - 1
    closer = (wanted - below).abs() <= (above - wanted).abs()
    return torch.where(closer, below, above).reshape(symbols.shape)
