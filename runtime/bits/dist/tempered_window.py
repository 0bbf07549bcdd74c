"""Windows with a share of their entropy.

One component: a static row of cells around the location, whose level is the entropy wanted, with
raw low bits beside it where that is more than a row has (see ``narrow``). A mixture: the cells of
its bounded window, power tempered, and the low bits of its index, tempered on their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits import window
from revc.runtime.bits.dist.parts import ByRows, InParts, Plan, some
from revc.runtime.bits.dist.tempered_uniform import offsets
from revc.runtime.bits.dist.throttle import ONE, Alpha, share
from revc.runtime.bits.dist.uniform import WideUniform
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.bits.dist.window import Mixture, Window
from revc.runtime.bits.entropy import row_entropy
from revc.runtime.bits.narrow import cells, window_rows
from revc.runtime.bits.tempering import share_cdf, temper


class CellPlan(Plan):
    """An index is cell number ``origin + s``, s by a row, and an offset of ``bits`` bits in it."""

    def __init__(self, rows: ByRows, origin: Tensor, bits: Tensor, offset: Distribution) -> None:
        self.rows, self.origin, self.bits, self.offset = rows, origin, bits, offset
        self.coders = [offset, rows] if some(bits) else [rows]

    def split(self, symbols: Tensor) -> list[Tensor]:
        """(offset, cell), or the cell alone."""
        cell = (symbols >> self.bits) - self.origin
        if len(self.coders) == 1:
            return [cell]
        return [symbols & ((1 << self.bits) - 1), cell]

    def join(self, parts: list[Tensor]) -> Tensor:
        """Undo ``split``."""
        value = (self.origin + parts[-1]) << self.bits
        return value if len(parts) == 1 else value + parts[0]

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest cells that have one, and there the nearest offset."""
        parts = self.split(symbols.long())
        cell = self.rows.clip(parts[-1])
        if len(parts) == 1:
            return self.join([cell])
        end = torch.where(cell < parts[-1], (1 << self.bits) - 1, 0)
        offset = torch.where(cell == parts[-1], parts[0], end)
        return self.join([self.offset.clip(offset), cell])


class TemperedCells(InParts):
    """What both kinds share: a plan for the one shape that the parameters have."""

    def __init__(self, base: Window | Mixture, alpha: Alpha) -> None:
        self.base, self.alpha, self.level = base, alpha, base.level
        self.known: tuple[Plan, bool] | None = None

    @property
    def shape(self) -> torch.Size:
        """Shape of the symbols."""
        return self.base.shape

    def plan(self, shape: Sequence[int], token: Tensor | None) -> Plan:
        """Made once; once more where only now a stack is there to report bad parameters to."""
        if self.known is None or (token is not None and not self.known[1]):
            self.known = self.make(token), token is not None
        return self.known[0]

    def make(self, token: Tensor | None) -> Plan:
        """See the module."""
        raise NotImplementedError

    def entropy_bits(self) -> Tensor:
        """Entropy of cell and offset, float64."""
        plan = self.plan(self.shape, None)
        return torch.stack([coder.entropy_bits() for coder in plan.coders]).sum(0)


class TemperedWindow(TemperedCells):
    """A ``Logistic`` or ``Gaussian`` with ``alpha`` of its entropy."""

    base: Window

    def make(self, token: Tensor | None) -> Plan:
        """A static row for the level of each symbol and the place of its location."""
        family, (loc, scale) = self.base.family, self.base.snapped(token)
        row, origin, bits = cells(family, loc, scale, self.alpha.each(self.shape, token))
        rows = window_rows(family, loc.device)
        by_rows = ByRows(rows.cdf, row, rows.entropy)
        return CellPlan(by_rows, origin, bits, WideUniform(1 << bits))


class TemperedMixture(TemperedCells):
    """A ``Mixture`` with ``alpha`` of its entropy."""

    base: Mixture

    def make(self, token: Tensor | None) -> Plan:
        """A row for each symbol, from the bounded window."""
        family, grid = self.base.family, self.base.snapped(token)
        fine, origin, _ = window.window_of(family, *grid[1:])
        own = window.boundaries(family, *grid, bounded=True).flatten(0, -2)
        alpha = self.alpha.along(self.shape, token).reshape(-1)
        freq = torch.diff(own)
        cdf = share_cdf(temper(freq, share(row_entropy(own), alpha)))
        cdf = torch.where((alpha == ONE)[:, None], own.to(torch.int32), cdf)
        row = torch.arange(alpha.numel(), dtype=torch.int32, device=fine.device)
        by_rows = ByRows(cdf, row.reshape(self.shape))
        return CellPlan(by_rows, origin, fine, offsets(fine, self.alpha))
