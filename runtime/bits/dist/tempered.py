"""A distribution with a given share of another one's entropy."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits.dist.base import Distribution
from revc.runtime.bits.dist.categorical import Categorical
from revc.runtime.bits.dist.parts import ByRows, InParts, Plan
from revc.runtime.bits.dist.table import Table
from revc.runtime.bits.dist.tempered_softmax import TemperedCategorical
from revc.runtime.bits.dist.tempered_uniform import TemperedUniform
from revc.runtime.bits.dist.tempered_window import TemperedMixture, TemperedWindow
from revc.runtime.bits.dist.throttle import ONE, Alpha, share
from revc.runtime.bits.dist.uniform import Uniform, WideUniform
from revc.runtime.bits.dist.window import Mixture, Window
from revc.runtime.bits.entropy import row_entropy
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.tempering import share_cdf, temper


def tempered(distribution: Distribution, alpha: Tensor | float) -> Distribution:
    """The distribution over the same symbols that has ``alpha`` times the entropy.

    ``alpha`` is a float tensor [B], one value a sequence, or one number for all, in [0, 1]. Windows
    are bounded, whether those of ``distribution`` are or not. Under alpha = 0 there is only the
    mode, and coding it moves nothing. Below 1, symbols of a probability under some 2**-16 may drop
    out; see ``inside``. Nothing is differentiable.

    Raises:
        ParameterError: a distribution that cannot be tempered (``FloatBits``), or an alpha of a
            wrong dtype, shape or range.
    """
    if not isinstance(alpha, Tensor):
        if alpha == 1:
            return without_escape(distribution)
        place = device_of(distribution)
        alpha = torch.full((), float(alpha), dtype=torch.float64, device=place)
    chosen = Alpha(alpha)
    match distribution:
        case Window():
            return TemperedWindow(distribution, chosen)
        case Mixture():
            return TemperedMixture(distribution, chosen)
        case Categorical():
            return TemperedCategorical(distribution, chosen)
        case Uniform() | WideUniform():
            return TemperedUniform(distribution, chosen)
        case Table():
            return TemperedTable(distribution, chosen)
    raise ParameterError(f"{type(distribution).__name__} cannot be tempered")


def without_escape(distribution: Distribution) -> Distribution:
    """The distribution with its windows bounded."""
    if not isinstance(distribution, Window | Mixture) or distribution.bounded:
        return distribution
    bounded = copy.copy(distribution)
    bounded.bounded = True
    return bounded


def device_of(distribution: Distribution) -> torch.device:
    """Where the parameters of a distribution live.

    Raises:
        ParameterError: it is ``FloatBits``, which cannot be tempered.
    """
    match distribution:
        case Window() | Mixture():
            return distribution.loc.device
        case Categorical():
            return distribution.logits.device
        case Uniform():
            return distribution.digits.device
        case WideUniform():
            return distribution.n.device
        case Table():
            return distribution.freq.device
    raise ParameterError(f"{type(distribution).__name__} cannot be tempered")


class TablePlan(Plan):
    """Symbols as they are, by a row for each sequence."""

    def __init__(self, cdf: Tensor, row: Tensor) -> None:
        self.rows = ByRows(cdf, row)
        self.coders = [self.rows]

    def split(self, symbols: Tensor) -> list[Tensor]:
        """The symbols."""
        return [symbols]

    def join(self, parts: list[Tensor]) -> Tensor:
        """The symbols."""
        return parts[0]

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest that have one."""
        return self.rows.clip(symbols.long())


class TemperedTable(InParts):
    """A ``Table``, power tempered: one table for each sequence."""

    def __init__(self, table: Table, alpha: Alpha) -> None:
        self.table, self.alpha, self.dtype = table, alpha, table.dtype
        freq = table.freq.expand(max(alpha.units.numel(), 1), -1)
        units = alpha.units.reshape(-1)
        own = torch.nn.functional.pad(freq.cumsum(-1), (1, 0)).to(torch.int32)
        cdf = share_cdf(temper(freq, share(row_entropy(own), units)))
        self.cdf = torch.where((units == ONE)[:, None], own, cdf)

    def plan(self, shape: Sequence[int], token: Tensor | None) -> Plan:
        """Symbols as they are."""
        self.alpha.along(shape, token)
        row = torch.arange(self.cdf.shape[0], dtype=torch.int32, device=self.cdf.device)
        row = row.reshape(-1, *[1] * (len(shape) - 1)) if shape else row[0]
        return TablePlan(self.cdf, row.expand(tuple(shape)))

    def entropy_bits(self) -> Tensor:
        """Entropy of each sequence's table, float64 [B], or [] for one alpha."""
        return self.plan(self.alpha.units.shape, None).coders[0].entropy_bits()
