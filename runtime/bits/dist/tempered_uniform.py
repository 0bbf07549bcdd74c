"""Uniform integers with a share of their entropy: uniform on the first few of them.

Of n symbols the first m = n**alpha are left. Where m is small, so few symbols do not meet the
entropy closely, and the last ones get less: static rows, one for each 1/64 bit (see ``narrow``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits.constants import LENGTH_BITS
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.bits.dist.parts import ByRows, InParts, Plan, some
from revc.runtime.bits.dist.throttle import ONE, Alpha, share
from revc.runtime.bits.dist.uniform import Uniform, WideUniform
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.narrow import LEVEL, LEVEL_BITS, UNIFORM_BITS, uniform_rows
from revc.runtime.bits.tables import power_table


@cache
def _powers(device: torch.device) -> Tensor:
    return torch.from_numpy(power_table()).to(device)


def exp2_units(exponent: Tensor) -> Tensor:
    """2**exponent rounded, int64, for exponents in 2**-32 below 32: to one part in 2**12."""
    part = (exponent >> (LENGTH_BITS - 12)) & 4095
    power = torch.where(part > 0, _powers(exponent.device)[(4096 - part) & 4095] << 1, 1 << 30)
    return ((power << (exponent >> LENGTH_BITS).clamp(max=31)) + (1 << 29)) >> 30


class UniformPlan(Plan):
    """Below ``count``, or by the row of a ``level`` where ``small``; the other part is then 0."""

    def __init__(self, small: Tensor, level: Tensor, count: Tensor) -> None:
        rows = uniform_rows(count.device)
        self.small = small
        self.wide = WideUniform(torch.where(small, 1, count))
        self.rows = ByRows(rows.cdf, torch.where(small, level, 0).int(), rows.entropy)
        self.coders: list[Distribution] = [self.wide] if some(~small) or not some(small) else []
        self.coders += [self.rows] if some(small) else []

    def split(self, symbols: Tensor) -> list[Tensor]:
        """(below count, by row), of which one may be left out."""
        parts = [torch.where(self.small, 0, symbols)] if self.wide in self.coders else []
        return parts + ([torch.where(self.small, symbols, 0)] if self.rows in self.coders else [])

    def join(self, parts: list[Tensor]) -> Tensor:
        """Their sum."""
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest that can."""
        whole = symbols.long()
        return torch.where(self.small, self.rows.clip(whole), self.wide.clip(whole))


class TemperedUniform(InParts):
    """A ``Uniform`` or ``WideUniform`` with ``alpha`` of its entropy; its mode is 0."""

    def __init__(self, uniform: Uniform | WideUniform, alpha: Alpha) -> None:
        self.uniform, self.alpha = uniform, alpha
        self.dtype = torch.int64 if isinstance(uniform, WideUniform) else torch.int32

    @property
    def shape(self) -> torch.Size | None:
        """Shape of n, if it is a tensor."""
        return self.uniform.shape

    def plan(self, shape: Sequence[int], token: Tensor | None) -> Plan:
        """See the module."""
        alpha, n = self.alpha.along(shape, token), self.uniform.n
        if isinstance(n, int):
            n = torch.full((), n, dtype=torch.int64, device=alpha.device)
        n = n.clamp(1, 1 << 32).expand(tuple(shape))
        target = share(log2_units(n), alpha)
        level = (target + (1 << (LEVEL - 1))) >> LEVEL
        small = (level < UNIFORM_BITS << LEVEL_BITS) & (alpha < ONE)
        count = torch.minimum(exp2_units(target).clamp(min=1), n)
        return UniformPlan(small, level, torch.where(alpha == ONE, n, count))

    def entropy_bits(self) -> Tensor:
        """Entropy, float64, of the shape of n; for an int [B], or [] for one alpha."""
        plan = self.plan(self.shape or self.alpha.units.shape, None)
        nothing = torch.zeros((), dtype=torch.float64, device=self.alpha.units.device)
        return sum((coder.entropy_bits() for coder in plan.coders), nothing)


def offsets(bits: Tensor, alpha: Alpha) -> TemperedUniform:
    """Uniform on [0, 2**bits), tempered."""
    return TemperedUniform(WideUniform(1 << bits), alpha)


