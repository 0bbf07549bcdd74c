"""A softmax with a share of its entropy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits.checks import INSIDE
from revc.runtime.bits.constants import LENGTH_UNIT
from revc.runtime.bits.dist.base import Coder
from revc.runtime.bits.dist.categorical import Categorical, radix
from revc.runtime.bits.dist.parts import check_fit, check_pushed
from revc.runtime.bits.dist.throttle import ONE, Alpha, share
from revc.runtime.bits.engine import engine_of
from revc.runtime.bits.sparse import nearest
from revc.runtime.bits.tempering import share_cdf, temper


class TemperedCategorical(Categorical):
    """A ``Categorical``, power tempered: all its classes at once, and then in the same digits."""

    def __init__(self, base: Categorical, alpha: Alpha) -> None:
        self.base, self.alpha, self.level = base, alpha, base.level
        self.logits, self.weights = base.logits, base.weights
        self.known: tuple[Tensor, bool] | None = None

    def integers(self, token: Tensor | None) -> Tensor:
        """Tempered weights [N, *radix]; those of the base where alpha is 1."""
        if self.known is None or (token is not None and not self.known[1]):
            weights, alpha = self.base.integers(token), self.flat_alpha(token)
            target = share(self.base.entropy_of(weights), alpha)
            found = temper(weights.flatten(1), target)
            whole = (alpha == ONE).reshape(-1, *[1] * (weights.dim() - 1))
            self.known = torch.where(whole, weights, found.reshape(weights.shape)), token is not None
        return self.known[0]

    def flat_alpha(self, token: Tensor | None) -> Tensor:
        """Alpha of every symbol, [N]."""
        return self.alpha.along(self.shape, token).reshape(-1)

    def frequencies(self, sums: Tensor, count: Tensor) -> Tensor:
        """CDFs without a least frequency; those of the base where alpha is 1."""
        alpha = self.flat_alpha(None)
        whole = (alpha == ONE).repeat_interleave(sums.shape[0] // max(alpha.numel(), 1))
        return torch.where(whole[:, None], super().frequencies(sums, count), share_cdf(sums))

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push classes that are ``inside``."""
        check_pushed(stack.token, symbols, self.shape)
        self.integers(stack.token)
        faults = engine_of(stack.token).faults
        faults.symbol(~self.inside(symbols).all(), INSIDE)
        super().push(stack, self.clip(symbols) if faults.check == "later" else symbols)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``."""
        check_fit(shape, self.shape)
        return super().pop(stack, shape)

    def code_length(self, symbols: Tensor) -> Tensor:
        """The integer model's, as a float: there is nothing to train."""
        return self.exact_length(symbols).double() / LENGTH_UNIT

    def exact_length(self, symbols: Tensor) -> Tensor:
        """Length under the integer frequencies; of classes without one, that of the nearest."""
        return super().exact_length(self.clip(symbols))

    def inside(self, symbols: Tensor) -> Tensor:
        """Which classes have a frequency."""
        return super().inside(symbols) & (self.clip(symbols) == symbols)

    def clip(self, symbols: Tensor) -> Tensor:
        """Classes that have a frequency: the nearest upper digit that does, then the lower ones."""
        weights, row = self.integers(None), self.rows(symbols.shape).reshape(-1)
        wanted = self.split(super().clip(symbols))
        found: list[Tensor] = []
        moved = torch.zeros_like(wanted[0])
        total = torch.zeros_like(wanted[0])
        for digit, size in zip(wanted, radix(self.logits.shape[-1]), strict=True):
            aim = torch.where(moved > 0, 0, torch.where(moved < 0, size - 1, digit))
            near = nearest(self.tables(weights, found), row, aim)
            moved = torch.where(moved == 0, (near - digit).sign(), moved)
            found.append(near)
            total = total * size + near
        return total.reshape(symbols.shape).to(symbols.dtype)


