"""Distributions of symbols that are coded in independent parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from revc.runtime.bits import host, ops
from revc.runtime.bits.checks import INSIDE, INTEGERS, check_shape
from revc.runtime.bits.constants import PRECISION, LENGTH_UNIT
from revc.runtime.bits.dist.base import Coder, Distribution
from revc.runtime.bits.engine import engine_of
from revc.runtime.bits.entropy import row_entropy
from revc.runtime.bits.errors import ParameterError, SymbolError
from revc.runtime.bits.gridops import log2_units
from revc.runtime.bits.sparse import frequency, nearest


def some(flags: Tensor) -> bool:
    """Whether any value is not 0; True without looking where looking would wait for a device."""
    return host.waits(flags.device) or bool(flags.any())


def check_pushed(token: Tensor, symbols: Tensor, shape: Sequence[int] | None) -> None:
    """LaneError, SymbolError or ParameterError for symbols of a wrong place, dtype or shape."""
    check_shape(engine_of(token), symbols.shape, symbols.device)
    if symbols.dtype not in INTEGERS:
        raise SymbolError(f"symbols have an integer dtype, not {symbols.dtype}")
    check_fit(symbols.shape, shape)


def check_fit(found: Sequence[int], shape: Sequence[int] | None) -> None:
    """ParameterError for symbols of another shape than the parameters'."""
    if shape is not None and tuple(shape) != tuple(found):
        raise ParameterError(f"parameters {list(shape)} do not fit symbols {list(found)}")


class ByRows(Distribution):
    """Symbols in [0, K), each by row ``row`` int32 [...] of ``cdf`` int32 [R, K + 1].

    Symbols may have no frequency; the caller sees to it that they are not pushed. ``entropy`` of
    the rows, int64 [R] in 2**-32 bit, is computed where it is not at hand.
    """

    def __init__(self, cdf: Tensor, row: Tensor, entropy: Tensor | None = None) -> None:
        self.cdf, self.row, self.entropy = cdf, row, entropy

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push symbols that have a frequency."""
        ops.push_rows(stack.token, symbols, self.cdf, self.row)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``."""
        popped: Tensor = ops.pop_rows(stack.token, shape, self.cdf, self.row)
        return popped

    def code_length(self, symbols: Tensor) -> Tensor:
        """The integer model's, as a float."""
        return self.exact_length(symbols).double() / LENGTH_UNIT

    def exact_length(self, symbols: Tensor) -> Tensor:
        """16 - log2 f; 16 where there is no frequency."""
        freq = frequency(self.cdf, self.row, symbols).clamp(min=1)
        length: Tensor = PRECISION * LENGTH_UNIT - log2_units(freq)
        return length

    def entropy_bits(self) -> Tensor:
        """Entropy of each symbol's row."""
        entropy = row_entropy(self.cdf) if self.entropy is None else self.entropy
        return entropy[self.row.long()].double() / LENGTH_UNIT

    def inside(self, symbols: Tensor) -> Tensor:
        """Which symbols have a frequency."""
        return frequency(self.cdf, self.row, symbols) > 0

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest symbols that have a frequency."""
        return nearest(self.cdf, self.row, symbols).to(symbols.dtype)


class Plan(ABC):
    """How symbols of one shape come apart; ``coders`` are in the order of a push."""

    coders: list[Distribution]

    @abstractmethod
    def split(self, symbols: Tensor) -> list[Tensor]:
        """The parts of symbols, one for each coder; of symbols outside, something."""

    @abstractmethod
    def join(self, parts: list[Tensor]) -> Tensor:
        """Undo ``split``."""

    def inside(self, parts: list[Tensor]) -> Tensor:
        """Which symbols can be coded, by their parts."""
        found = [coder.inside(part) for coder, part in zip(self.coders, parts, strict=True)]
        return reduce(torch.logical_and, found)

    @abstractmethod
    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest symbols that can be coded, int64."""


class InParts(Distribution):
    """Codes by a ``Plan``; base of the tempered distributions."""

    dtype = torch.int32
    """Of popped symbols."""

    @abstractmethod
    def plan(self, shape: Sequence[int], token: Tensor | None) -> Plan:
        """The plan for symbols of ``shape``; with a token, bad parameters are reported."""

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push symbols that are ``inside``."""
        check_pushed(stack.token, symbols, self.shape)
        plan, symbols = self.plan(symbols.shape, stack.token), symbols.long()
        faults, parts = engine_of(stack.token).faults, plan.split(symbols)
        faults.symbol(~plan.inside(parts).all(), INSIDE)
        if faults.check == "later":
            parts = plan.split(plan.clip(symbols))
        for coder, part in zip(plan.coders, parts, strict=True):
            coder.push(stack, part)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``."""
        check_shape(engine_of(stack.token), shape, stack.device)
        check_fit(shape, self.shape)
        plan = self.plan(shape, stack.token)
        parts = [coder.pop(stack, shape).long() for coder in reversed(plan.coders)]
        return plan.join(parts[::-1]).to(self.dtype)

    def code_length(self, symbols: Tensor) -> Tensor:
        """The integer model's, as a float: there is nothing to train."""
        return self.exact_length(symbols).double() / LENGTH_UNIT

    def exact_length(self, symbols: Tensor) -> Tensor:
        """Sum over the parts."""
        plan = self.plan(symbols.shape, None)
        total = torch.zeros(symbols.shape, dtype=torch.int64, device=symbols.device)
        for coder, part in zip(plan.coders, plan.split(symbols.long()), strict=True):
            total = total + coder.exact_length(part)
        return total

    def inside(self, symbols: Tensor) -> Tensor:
        """Which symbols can be coded."""
        plan = self.plan(symbols.shape, None)
        return plan.inside(plan.split(symbols.long()))

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest symbols that can."""
        return self.plan(symbols.shape, None).clip(symbols).to(symbols.dtype)
