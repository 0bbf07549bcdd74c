"""Entropies of integer models in integers, so that every device finds the same ones."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits.constants import LENGTH_BITS, LENGTH_UNIT, PRECISION, TOTAL
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.tables import SCALES, shape
from revc.runtime.bits.window import boundaries

PHASES = 256
"""Places of a location between two integers."""


@cache
def _terms(device: torch.device) -> Tensor:
    """f * (16 - log2(f)) in 2**-32 bit for every frequency f in [0, 2**16]."""
    freq = torch.arange(TOTAL + 1, device=device)
    return freq * (PRECISION * LENGTH_UNIT - log2_units(freq.clamp(min=1)))


def row_entropy(cdf: Tensor) -> Tensor:
    """Entropy of integer CDFs [..., K + 1] that end at 2**16, int64 [...] in 2**-32 bit."""
    return _terms(cdf.device)[torch.diff(cdf).long()].sum(-1) >> PRECISION


def window_entropy(family: str, weight: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Entropy of the cells of bounded windows by grid parameters [..., C], in 2**-32 bit.

    The low bits of wide windows, which are uniform, do not count.
    """
    return row_entropy(boundaries(family, weight, loc, scale, bounded=True))


@cache
def single_entropies(family: str, device: torch.device) -> Tensor:
    """Entropy of bounded windows of one component, low bits included, int64 [256, 256].

    By scale number and by the low byte of the location, which does not matter in wide windows.
    """
    coarse = torch.from_numpy(shape(family).coarse)
    fine = int((coarse == 0).sum())
    narrow = torch.arange(fine * PHASES, device="cpu")
    scale = torch.cat([narrow // PHASES, torch.arange(fine, SCALES, device="cpu")]).to(torch.uint8)
    loc = torch.cat([narrow % PHASES, torch.zeros(SCALES - fine, dtype=torch.int64, device="cpu")])
    weight = torch.full(loc.shape, TOTAL, dtype=torch.int32, device="cpu")
    found = window_entropy(family, *(t[:, None] for t in (weight, loc, scale)))
    wide = found[fine * PHASES :] + (coarse[fine:] << LENGTH_BITS)
    table = [found[: fine * PHASES].reshape(fine, PHASES), wide[:, None].expand(-1, PHASES)]
    return torch.cat(table).contiguous().to(device)
