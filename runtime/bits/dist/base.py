"""What every distribution can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from revc.runtime.bits.constants import LENGTH_BITS, UNIT_BITS

Level = Literal["repeatable", "portable"]


class Coder(Protocol):
    """The part of a stack that distributions use."""

    @property
    def token(self) -> Tensor:
        """Handle for ``revc.runtime.bits.ops``."""

    @property
    def device(self) -> torch.device:
        """Where the stack, its symbols and its parameters live."""


class Distribution(ABC):
    """A distribution over integers, with parameters shared or one set per symbol.

    ``level`` says when another run finds the same integers: ``repeatable`` distributions snap
    float parameters, which holds on the same device at the same shapes; ``portable`` ones are
    given integers.
    """

    level: Level = "portable"

    @property
    def shape(self) -> torch.Size | None:
        """Shape of the symbols that the parameters are for; None if any shape will do."""
        return None

    @abstractmethod
    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push integer ``symbols`` [B, ...].

        Raises:
            SymbolError: a wrong dtype, or symbols that are not ``inside``.
            ParameterError: parameters that are not usable or do not fit the symbols.
            LaneError: another device or number of sequences than the stack's.
        """

    @abstractmethod
    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push`` of symbols of ``shape`` [B, ...]; int32, unless the class says otherwise.

        Raises:
            ParameterError: parameters that are not usable or do not fit the shape.
            LaneError: another device or number of sequences than the stack's.
        """

    @abstractmethod
    def code_length(self, symbols: Tensor) -> Tensor:
        """-log2 of the real-valued model in bits, float, per symbol; differentiable."""

    @abstractmethod
    def exact_length(self, symbols: Tensor) -> Tensor:
        """-log2 of the integer model, int64 per symbol, in 2**-32 bit."""

    @abstractmethod
    def entropy_bits(self) -> Tensor:
        """Entropy of the integer model (of windows: without escape) in bits, float64.

        Of the shape of the symbols; one number [] where the parameters are shared by all.
        """

    def inside(self, symbols: Tensor) -> Tensor:
        """Which integer ``symbols`` can be pushed, bool of their shape."""
        return torch.ones_like(symbols, dtype=torch.bool)

    def clip(self, symbols: Tensor) -> Tensor:
        """The symbols that can be pushed which are nearest to integer ``symbols``."""
        return symbols

    def shannon(self, symbols: Tensor) -> Tensor:
        """``exact_length`` summed over each sequence, int64 [sequences], in 2**-20 bit."""
        return in_units(self.exact_length(symbols)[..., None].flatten(1))


def in_units(lengths: Tensor) -> Tensor:
    """The sums over the last axis of lengths [rows, width] in 2**-32 bit, int64 in 2**-20 bit.

    Each is rounded once. High and low parts are summed apart: a sequence may have more bits than
    int64 holds in 2**-32.
    """
    if type(lengths) is Tensor and lengths.is_cuda and not torch.compiler.is_compiling():
        from revc.runtime.bits.gpu.length import in_units as fused  # Triton is imported there alone

        summed: Tensor = fused(lengths)
        return summed
    shift = LENGTH_BITS - UNIT_BITS
    low = (lengths & ((1 << shift) - 1)).sum(-1)
    return (lengths >> shift).sum(-1) + ((low + (1 << (shift - 1))) >> shift)


def is_below(symbols: Tensor, n: int) -> Tensor:
    """Which integer symbols are in [0, n); a narrow dtype cannot be compared with every n."""
    whole = symbols.long()
    return (whole >= 0) & (whole < n)


def clip_below(symbols: Tensor, n: int) -> Tensor:
    """Symbols moved into [0, n), in their own dtype."""
    return symbols.long().clamp(0, n - 1).to(symbols.dtype)


def fit(distribution: Distribution, shape: Sequence[int] | None) -> tuple[int, ...]:
    """The shape to pop: the one given, or that of the parameters.

    Raises:
        TypeError: none is given, and the parameters are shared by all symbols.
    """
    if shape is not None:
        return tuple(shape)
    own = distribution.shape
    if own is None:
        raise TypeError(f"{type(distribution).__name__} has shared parameters: pass the shape")
    return tuple(own)
