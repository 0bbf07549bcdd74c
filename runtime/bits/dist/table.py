"""One table of frequencies for all symbols."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits import ops
from revc.runtime.bits.constants import PRECISION, TOTAL, LENGTH_UNIT
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.integer import exponentials, frequencies_from_counts, leaky_cdf
from revc.runtime.bits.gridops import log2_units
from revc.runtime.bits.dist.base import Coder, Distribution, clip_below, is_below


@cache
def fixed_table(frequencies: tuple[int, ...], device: torch.device) -> Table:
    """The table of frequencies that never change, made once for each device.

    Raises:
        ParameterError: as `Table` does.
    """
    return Table(torch.tensor(frequencies, device=device))


class Table(Distribution):
    """K symbols with integer frequencies int [K], each at least 1, that sum to 2**16.

    ``dtype`` is that of popped symbols: int32, or uint8 where the alphabet allows it.

    Raises:
        ParameterError: the frequencies are no such table, or do not fit ``dtype``.
    """

    def __init__(self, frequencies: Tensor, dtype: torch.dtype = torch.int32) -> None:
        if frequencies.dim() != 1 or frequencies.is_floating_point():
            raise ParameterError("frequencies are integers [K]")
        freq = frequencies.long()
        if not freq.numel() or int(freq.min()) < 1 or int(freq.sum()) != TOTAL:
            raise ParameterError(f"frequencies are at least 1 and sum to {TOTAL}")
        if dtype == torch.uint8 and freq.numel() > 256:
            raise ParameterError(f"an alphabet of {freq.numel()} does not fit uint8")
        self.freq = freq
        self.start = freq.cumsum(0) - freq
        self.rcp = 1.0 / freq.double()
        index = torch.arange(freq.numel(), dtype=torch.int32, device=freq.device)
        self.find = torch.repeat_interleave(index, freq, output_size=TOTAL)
        self.dtype = dtype

    @classmethod
    def from_counts(cls, counts: Tensor, dtype: torch.dtype = torch.int32) -> Table:
        """Table for integer counts [K] from 0 up, K up to 2**15; every frequency is at least 1.

        Raises:
            ParameterError: the counts are others, or sum to some 2**45 or more.
        """
        return cls(frequencies_from_counts(counts), dtype)

    @classmethod
    def from_logits(cls, logits: Tensor, dtype: torch.dtype = torch.int32) -> Table:
        """Table for finite logits [K] in nats, K up to 2**15.

        Raises:
            ParameterError: the logits are others.
        """
        if logits.dim() != 1 or not 1 <= logits.numel() <= TOTAL // 2:
            raise ParameterError(f"logits are [K] with K in [1, 2**15], not {list(logits.shape)}")
        if not bool(torch.isfinite(logits).all()):
            raise ParameterError("logits: every value has to be finite")
        cdf = leaky_cdf(exponentials(logits.double()), logits.numel())
        return cls(torch.diff(cdf).long(), dtype)

    @classmethod
    def from_probabilities(cls, p: Tensor, dtype: torch.dtype = torch.int32) -> Table:
        """Table for finite weights [K] from 0 up, which are normalised; K up to 2**15.

        Raises:
            ParameterError: the weights are others, or all are 0.
        """
        if p.dim() != 1 or not bool((torch.isfinite(p) & (p >= 0)).all()) or float(p.sum()) <= 0:
            raise ParameterError("probabilities are finite, non-negative and not all zero, [K]")
        counts = torch.round(p.double() / p.double().amax() * (1 << 29)).long()
        return cls.from_counts(counts, dtype)

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push integers in [0, K), of any shape [B, ...]; see ``Distribution.push``."""
        ops.push_table(stack.token, symbols, self.start, self.freq, self.rcp)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; of the table's ``dtype``."""
        popped: Tensor = ops.pop_table(
            stack.token, shape, self.dtype, self.start, self.freq, self.find
        )
        return popped

    def code_length(self, symbols: Tensor) -> Tensor:
        """16 - log2 f; the table has no parameters to train."""
        return (PRECISION - torch.log2(self.freq.double())).float()[symbols.long()]

    def exact_length(self, symbols: Tensor) -> Tensor:
        """16 - log2 f, int64 in 2**-32 bit."""
        return (PRECISION * LENGTH_UNIT - log2_units(self.freq))[symbols.long()]

    def entropy_bits(self) -> Tensor:
        """Entropy of the table, float64 []."""
        lengths = PRECISION * LENGTH_UNIT - log2_units(self.freq)
        return (self.freq * lengths).sum().double() / TOTAL / LENGTH_UNIT

    def inside(self, symbols: Tensor) -> Tensor:
        """Whether symbols are in [0, K)."""
        return is_below(symbols, self.freq.numel())

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest symbols in [0, K)."""
        return clip_below(symbols, self.freq.numel())

    def entropy(self) -> float:
        """Entropy of the table itself, in bits."""
        p = self.freq.double() / TOTAL
        return float(-(p * torch.log2(p)).sum())
