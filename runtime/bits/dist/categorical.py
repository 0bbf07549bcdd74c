"""Softmax over K classes, with logits per symbol, K up to 2**20."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits import gridops, ops
from revc.runtime.bits.constants import PRECISION, TOTAL, LENGTH_UNIT
from revc.runtime.bits.entropy import row_entropy
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.integer import leaky_cdf
from revc.runtime.bits.dist.base import Coder, Distribution, Level, clip_below, is_below

SINGLE = 256
"""Largest alphabet coded in one piece: its leak costs less than 0.006 bit."""
LARGEST = 1 << 20


def radix(classes: int) -> list[int]:
    """Sizes of the digits, upper first, that a class is split into."""
    levels = 1 if classes <= SINGLE else 2 if classes <= 1 << 16 else 3
    width = math.ceil(classes ** (1 / levels) - 1e-9)
    return [-(-classes // width ** (levels - 1)), *[width] * (levels - 1)]


class Categorical(Distribution):
    """Classes 0 .. K-1 with finite float logits [..., K] in nats for symbols [...].

    Frequencies follow the integer rule of ``integer``. More than 256 classes are coded as two or
    three digits, the lower ones conditional on the upper: the leak stays that of some hundreds of
    symbols, and no class from K up can come out of a reservoir.

    Raises:
        ParameterError: no float logits, or more than 2**20 classes; that they are finite is
            checked as they code.
    """

    level: Level = "repeatable"

    def __init__(self, logits: Tensor) -> None:
        if not logits.is_floating_point() or not logits.dim():
            raise ParameterError("logits are float [..., K]")
        if not 1 <= logits.shape[-1] <= LARGEST:
            raise ParameterError(f"a softmax has 1 to 2**20 classes, not {logits.shape[-1]}")
        self.logits = logits
        self.weights: Tensor | None = None

    @classmethod
    def from_weights(cls, weights: Tensor) -> Categorical:
        """Portable parameters: positive int64 weights [..., K] below 2**31, rows below 2**47 in sum.

        Raises:
            ParameterError: the weights are others.
        """
        if weights.dtype != torch.int64 or bool(((weights < 1) | (weights >= 1 << 31)).any()):
            raise ParameterError("integer weights are int64 in [1, 2**31)")
        if bool((weights.sum(-1) >= 1 << 47).any()):
            raise ParameterError("integer weights sum to less than 2**47")
        made = cls(torch.log(weights.double()))
        made.weights = weights
        made.level = "portable"
        return made

    @property
    def shape(self) -> torch.Size:
        """Shape of the symbols: that of the logits without K."""
        return self.logits.shape[:-1]

    def integers(self, token: Tensor | None) -> Tensor:
        """Integer weights [N, *radix], zero where there is no class."""
        classes = self.logits.shape[-1]
        if self.weights is not None:
            weights = self.weights
        else:
            weights = gridops.softmax_weights(token, self.logits.detach())
        sizes = radix(classes)
        padded = torch.nn.functional.pad(weights, (0, math.prod(sizes) - classes))
        return padded.reshape(-1, *sizes)

    def tables(self, weights: Tensor, digits: list[Tensor]) -> Tensor:
        """CDF [N, size + 1] of digit number ``len(digits)`` given the upper ``digits`` [N]."""
        sizes = radix(self.logits.shape[-1])
        level = len(digits)
        first = torch.zeros(weights.shape[0], dtype=torch.int64, device=weights.device)
        chosen = weights
        for digit, size in zip(digits, sizes, strict=False):
            chosen = chosen[torch.arange(chosen.shape[0], device=chosen.device), digit]
            first = first * size + digit
        below = math.prod(sizes[level + 1 :])
        sums = chosen.reshape(chosen.shape[0], sizes[level], below).sum(-1)
        return self.frequencies(sums, self.digits_left(first, level))

    def digits_left(self, first: Tensor, level: int) -> Tensor:
        """How many digits follow the upper ones, whose number is ``first``."""
        sizes = radix(self.logits.shape[-1])
        below = math.prod(sizes[level + 1 :])
        left = self.logits.shape[-1] - first * sizes[level] * below
        return ((left + below - 1) // below).clamp(1, sizes[level])

    def frequencies(self, sums: Tensor, count: Tensor) -> Tensor:
        """CDFs of the weights [M, size] of digits, M a multiple of the symbols' number N."""
        return leaky_cdf(sums, count)

    def split(self, symbols: Tensor) -> list[Tensor]:
        """Digits int64 [N] of symbols, upper first; out-of-range symbols stay out of range."""
        digits = []
        rest = symbols.reshape(-1).long()
        for size in reversed(radix(self.logits.shape[-1])[1:]):
            digits.append(rest % size)
            rest = rest // size
        return [rest, *reversed(digits)]

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push classes in [0, K): the lowest digit first."""
        classes = self.logits.shape[-1]
        checked = ops.inside(stack.token, symbols, classes)
        weights, digits = self.integers(stack.token), self.split(checked)
        row = self.rows(symbols.shape)
        for level in reversed(range(len(digits))):
            cdf = self.tables(weights, digits[:level])
            ops.push_rows(stack.token, digits[level].reshape(symbols.shape), cdf, row)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; int32 of ``shape``, the highest digit first."""
        weights, row = self.integers(stack.token), self.rows(shape)
        digits: list[Tensor] = []
        symbols = torch.zeros(tuple(shape), dtype=torch.int32, device=row.device)
        for size in radix(self.logits.shape[-1]):
            digit = ops.pop_rows(stack.token, shape, self.tables(weights, digits), row)
            digits.append(digit.reshape(-1).long())
            symbols = symbols * size + digit
        return symbols

    def rows(self, shape: Sequence[int]) -> Tensor:
        """Row numbers int32 of ``shape``: every symbol has a table of its own.

        Raises:
            ParameterError: the logits are for symbols of another shape.
        """
        if tuple(shape) != tuple(self.shape):
            found = list(self.logits.shape)
            raise ParameterError(f"logits {found} do not fit symbols {list(shape)}")
        count = math.prod(shape)
        row = torch.arange(count, dtype=torch.int32, device=self.logits.device)
        return row.reshape(tuple(shape))

    def code_length(self, symbols: Tensor) -> Tensor:
        """Cross-entropy in bits; gradients reach the logits."""
        logp = torch.log_softmax(self.logits, -1)
        picked = logp.gather(-1, symbols.long()[..., None])[..., 0]
        return -picked / math.log(2.0)

    def entropy_bits(self) -> Tensor:
        """Entropy of the integer frequencies, float64."""
        return self.entropy_of(self.integers(None)).reshape(self.shape).double() / LENGTH_UNIT

    def entropy_of(self, weights: Tensor) -> Tensor:
        """Entropy int64 [N] in 2**-32 bit: of each digit, as the upper ones leave it on average."""
        sizes, count = radix(self.logits.shape[-1]), weights.shape[0]
        total = torch.zeros(count, dtype=torch.int64, device=weights.device)
        share = torch.ones((count, 1), dtype=torch.float64, device=weights.device)
        for level, size in enumerate(sizes):
            first = torch.arange(share.shape[1], device=weights.device).expand(count, -1).reshape(-1)
            below = math.prod(sizes[level + 1 :])
            sums = weights.reshape(first.numel(), size, below).sum(-1)
            cdf = self.frequencies(sums, self.digits_left(first, level))
            # In integers, whose sum no device finds otherwise.
            entropy = row_entropy(cdf).reshape(share.shape) >> 8
            total += ((share * (1 << 30)).long() * entropy).sum(-1) >> 22
            inner = torch.diff(cdf).double() / TOTAL
            share = (share.reshape(-1, 1) * inner).reshape(count, share.shape[1] * size)
        return total

    def inside(self, symbols: Tensor) -> Tensor:
        """Whether symbols are classes."""
        return is_below(symbols, self.logits.shape[-1])

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest classes, in [0, K)."""
        return clip_below(symbols, self.logits.shape[-1])

    def exact_length(self, symbols: Tensor) -> Tensor:
        """Length under the integer frequencies, summed over the digits."""
        weights, digits = self.integers(None), self.split(symbols)
        total = torch.zeros(weights.shape[0], dtype=torch.int64, device=weights.device)
        for level, digit in enumerate(digits):
            cdf = self.tables(weights, digits[:level]).long()
            freq = torch.diff(cdf).gather(-1, digit[:, None])[:, 0]
            total += PRECISION * LENGTH_UNIT - gridops.log2_units(freq)
        return total.reshape(symbols.shape)
