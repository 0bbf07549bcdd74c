"""Static tables of the rows that tempered distributions code by: one for each 1/64 bit of entropy.

A row of a window says how the cells around a location's own are weighted, for eight places of the
location in its cell; a row of a uniform says how a part of [0, 64) is weighted. Row numbers are
``level * PHASES + phase`` and ``level``; level 0 is the mode alone.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from revc.runtime.bits.constants import ALPHA_BITS, LENGTH_BITS, TOTAL
from revc.runtime.bits.cpu.narrow import cells as fast_cells
from revc.runtime.bits.entropy import row_entropy, single_entropies
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.tables import window_tensors
from revc.runtime.bits.tempering import share_cdf, temper
from revc.runtime.bits.window import inner

LEVEL_BITS = 6
"""Levels are 2**-6 bit apart."""
LEVEL = LENGTH_BITS - LEVEL_BITS
PHASES = 8
CELLS = 256
CENTRE = CELLS // 2
UNIFORM_BITS = 6


class Rows(NamedTuple):
    """CDFs int32 [R, K + 1], their entropies int64 [R] in 2**-32 bit, and their supports."""

    cdf: Tensor
    entropy: Tensor
    first: Tensor
    """Least and largest symbol that a row can yield, int64 [R]."""
    last: Tensor

    @property
    def top(self) -> int:
        """Largest level of a table of windows."""
        return self.cdf.shape[0] // PHASES - 1


class Cells(NamedTuple):
    """How symbols are coded: number ``index >> bits`` is cell ``origin + s``, s by a row.

    Tensors of the symbols' shape: row int32, origin and bits int64.
    """

    row: Tensor
    origin: Tensor
    bits: Tensor


def made(weights: Tensor) -> Rows:
    """Rows of weights [R, K]."""
    cdf = share_cdf(weights)
    held = (torch.diff(cdf) > 0).int()
    last = held.shape[1] - 1 - held.flip(1).argmax(1)
    return Rows(cdf, row_entropy(cdf), held.argmax(1), last)


@cache
def window_rows(family: str, device: torch.device) -> Rows:
    """Rows [levels * PHASES] of 256 cells, the location's own being number ``CENTRE``."""
    weights = window_weights(family)
    entropy = row_entropy(torch.nn.functional.pad(weights.cumsum(-1), (1, 0)))
    top = int(entropy[-1].min()) >> LEVEL
    target = torch.arange(top + 1, device="cpu")[:, None].expand(-1, PHASES) << LEVEL
    # The narrowest scale that has as much entropy, so that tempering changes its shape least.
    scale = (entropy[:, None] >= target).int().argmax(0)
    base = weights[scale, torch.arange(PHASES, device="cpu")]
    base[0] = torch.arange(CELLS, device="cpu") == CENTRE
    rows = made(temper(base.reshape(-1, CELLS), target.reshape(-1)))
    return Rows(*(t.to(device) for t in rows))


def window_weights(family: str) -> Tensor:
    """Masses int64 [scales, PHASES, CELLS] in 2**-16 of all scales whose cells are single values.

    The location is ``phase / PHASES`` right of the left edge of the central cell.
    """
    cdf, inverse, shift, _, coarse, _ = window_tensors(family, torch.device("cpu"))
    count = int((coarse == 0).sum())
    edges = (torch.arange(CELLS + 1, device="cpu") - CENTRE) << 8
    distance = edges - (torch.arange(PHASES, device="cpu")[:, None] * (256 // PHASES))
    cell = (distance * inverse[:count, None, None] >> shift[:count, None, None]) + 2048
    return torch.diff(cdf[cell.clamp(0, 4095)].long())


def cells(family: str, loc: Tensor, scale: Tensor, alpha: Tensor) -> Cells:
    """The row for ``alpha`` int64 [B], in 2**-20, of each symbol's entropy, and its place.

    ``loc`` int64 and ``scale`` uint8 [B, ...] are on the grid.
    """
    if loc.device.type == "cpu":
        return cells_on_cpu(family, loc, scale, alpha)
    return cells_anywhere(family, loc, scale, alpha)


def cells_on_cpu(family: str, loc: Tensor, scale: Tensor, alpha: Tensor) -> Cells:
    """The same in one pass of numba."""
    rows, sequences = window_rows(family, loc.device), max(alpha.numel(), 1)
    found = Cells(
        torch.empty(loc.shape, dtype=torch.int32, device="cpu"),
        torch.empty(loc.shape, dtype=torch.int64, device="cpu"),
        torch.empty(loc.shape, dtype=torch.int64, device="cpu"),
    )
    entropy, radius = single_entropies(family, loc.device), window_tensors(family, loc.device)[3]
    flat = [t.contiguous().view(sequences, -1).numpy() for t in (loc, scale, *found)]
    tables = [t.numpy() for t in (alpha.reshape(-1), entropy, radius, rows.first, rows.last)]
    fast_cells(LEVEL_BITS, ALPHA_BITS, rows.top, CENTRE, *tables, *flat)
    return found


def cells_anywhere(family: str, loc: Tensor, scale: Tensor, alpha: Tensor) -> Cells:
    """The same on any device."""
    rows, loc = window_rows(family, loc.device), inner(family, loc, scale)
    entropy = single_entropies(family, loc.device)[scale.long(), loc & 255]
    wanted = (alpha[(...,) + (None,) * (loc.dim() - alpha.dim())] * entropy) >> ALPHA_BITS
    level = (wanted + (1 << (LEVEL - 1))) >> LEVEL
    bits = (level - rows.top + (1 << LEVEL_BITS) - 1).clamp(min=0) >> LEVEL_BITS
    level = level - (bits << LEVEL_BITS)
    # Eighths of a cell, from the left edge of cell 0; the mode alone sits in its own cell.
    place = (loc + 128 + (16 << bits)) >> (bits + 5)
    place = torch.where(level == 0, (loc + 128) >> 8 << 3, place)
    row = level * PHASES + (place & (PHASES - 1))
    # All cells have to lie in int32.
    edge = 1 << (31 - bits)
    origin = torch.maximum((place >> 3) - CENTRE, -edge - rows.first[row])
    origin = torch.minimum(origin, edge - 1 - rows.last[row])
    return Cells(row.int(), origin, bits)


@cache
def uniform_rows(device: torch.device) -> Rows:
    """Rows [6 * 64 + 1] of 64 symbols: as many equal ones as it takes, then tempered."""
    level = torch.arange((UNIFORM_BITS << LEVEL_BITS) + 1, device="cpu")
    sizes = log2_units(torch.arange(1, (1 << UNIFORM_BITS) + 1, device="cpu"))
    count = (sizes >= (level << LEVEL)[:, None]).int().argmax(1) + 1
    weights = (torch.arange(1 << UNIFORM_BITS, device="cpu") < count[:, None]).long() * TOTAL
    rows = made(temper(weights, level << LEVEL))
    return Rows(*(t.to(device) for t in rows))
