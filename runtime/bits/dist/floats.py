"""Bit patterns of float tensors: every value survives, NaN payloads and signed zeros included.

A pattern splits into (sign, exponent) and the mantissa. The mantissa is nearly uniform and is
coded as one or two uniform digits, the class by a table. Plus and minus zero are classes of their
own, because exact zeros are common and would pay for a mantissa; those of subnormals count from 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits import ops
from revc.runtime.bits.constants import TOTAL, LENGTH_UNIT
from revc.runtime.bits.dist.base import Coder, Distribution
from revc.runtime.bits.dist.table import Table
from revc.runtime.bits.errors import ParameterError, SymbolError
from revc.runtime.bits.integer import frequencies_from_counts
from revc.runtime.bits.gridops import log2_units


@dataclass(frozen=True)
class Layout:
    """Widths of a float format."""

    integer: torch.dtype
    exponent: int
    mantissa: int

    @property
    def classes(self) -> int:
        """(sign, exponent) pairs and the two zeros."""
        return (2 << self.exponent) + 2


LAYOUTS = {
    torch.bfloat16: Layout(torch.int16, 8, 7),
    torch.float16: Layout(torch.int16, 5, 10),
    torch.float32: Layout(torch.int32, 8, 23),
}


def normal_counts(layout: Layout) -> Tensor:
    """Counts int64 [classes] of a standard normal, with 2**-11 for each exact zero."""
    bias = (1 << (layout.exponent - 1)) - 1
    counts = []
    for exponent in range(1 << layout.exponent):
        top = 2.0 ** (max(exponent, 1) + (exponent > 0) - bias)
        bottom = 2.0 ** (exponent - bias) if exponent else 0.0
        mass = math.erf(min(top, 1e9) / math.sqrt(2)) - math.erf(min(bottom, 1e9) / math.sqrt(2))
        counts.append(round(mass * (1 << 40)))
    zero = 1 << 30
    return torch.tensor([*counts, *counts, zero, zero], device="cpu")


@cache
def _normal_table(dtype: torch.dtype, device: torch.device) -> Table:
    return Table(frequencies_from_counts(normal_counts(LAYOUTS[dtype])).to(device))


class FloatBits(Distribution):
    """Raw patterns of ``dtype`` (bfloat16, float16 or float32); symbols are float tensors.

    ``counts`` int64 [classes] shape the table of (sign, exponent) classes: negative ones follow
    the positive ones, then +0 and -0. By default those of a standard normal; see ``fit``.

    Raises:
        ParameterError: another ``dtype``, or not a count for each of its classes.
    """

    def __init__(
        self, dtype: torch.dtype, counts: Tensor | None = None, device: torch.device | str = "cpu"
    ) -> None:
        if dtype not in LAYOUTS:
            raise ParameterError(f"float patterns of {dtype} are not coded")
        self.dtype, self.layout = dtype, LAYOUTS[dtype]
        if counts is not None and counts.numel() != self.layout.classes:
            raise ParameterError(f"{dtype} has {self.layout.classes} classes, not {counts.numel()}")
        self.widths = [self.layout.exponent, self.layout.mantissa]
        place = torch.empty(0, device=device).device
        if counts is None:
            self.table = _normal_table(dtype, place)
        else:
            self.table = Table(frequencies_from_counts(counts).to(place))

    @classmethod
    def fit(cls, values: Tensor) -> FloatBits:
        """The table of the classes that occur in ``values``."""
        plain = cls(values.dtype, device=values.device)
        classes, _ = plain.split(values)
        counts = torch.bincount(classes.flatten(), minlength=plain.layout.classes)
        return cls(values.dtype, counts, values.device)

    def split(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """(class, mantissa) int64 of float values."""
        layout = self.layout
        width = layout.exponent + layout.mantissa
        bits = values.contiguous().view(layout.integer).long() & ((2 << width) - 1)
        mantissa = bits & ((1 << layout.mantissa) - 1)
        zero = (2 << layout.exponent) + (bits >> width)
        exact_zero = bits & ((1 << width) - 1) == 0
        return torch.where(exact_zero, zero, bits >> layout.mantissa), mantissa

    def join(self, classes: Tensor, mantissa: Tensor) -> Tensor:
        """Undo ``split``: float values of ``dtype`` from class and mantissa, both int64."""
        layout = self.layout
        width = layout.exponent + layout.mantissa
        zero = classes >= 2 << layout.exponent
        sign = (classes - (2 << layout.exponent)) << width
        bits = torch.where(zero, sign, (classes << layout.mantissa) | mantissa)
        signed = bits - ((bits >> width) << (width + 1))
        return signed.to(layout.integer).view(self.dtype)

    def room(self, classes: Tensor) -> Tensor:
        """Number of mantissas that each class has, int64."""
        layout = self.layout
        zero = classes >= 2 << layout.exponent
        subnormal = classes & ((1 << layout.exponent) - 1) == 0
        return torch.where(zero, 1, (1 << layout.mantissa) - subnormal.long())

    def lower(self, room: Tensor, upper: Tensor) -> Tensor:
        """Base of the lower 16 bits of a mantissa's rank under the upper ones."""
        return (room - (upper << 16)).clamp(max=1 << 16)

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push float values of ``dtype``, of any shape [B, ...].

        Raises:
            SymbolError: values of another dtype.
            LaneError: another device or number of sequences than the stack's.
        """
        if symbols.dtype != self.dtype:
            raise SymbolError(f"these patterns are {self.dtype}, not {symbols.dtype}")
        table = self.table
        if self.layout.mantissa <= 16:
            ops.push_floats(
                stack.token, symbols.view(torch.int16), table.start, table.freq, table.rcp, self.widths
            )
            return
        classes, mantissa = self.split(symbols)
        room = self.room(classes)
        rank = torch.where(room == 1, 0, mantissa - (room & 1))
        upper = rank >> 16
        ops.push_uniform(stack.token, rank & 0xFFFF, self.lower(room, upper))
        ops.push_uniform(stack.token, upper, (room + 0xFFFF) >> 16)
        ops.push_table(stack.token, classes, table.start, table.freq, table.rcp)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; floats of ``dtype`` and ``shape``, bit for bit what was pushed."""
        table = self.table
        if self.layout.mantissa <= 16:
            patterns: Tensor = ops.pop_floats(
                stack.token, shape, table.start, table.freq, table.find, self.widths
            )
            return patterns.view(self.dtype)
        classes = ops.pop_table(
            stack.token, shape, torch.int32, table.start, table.freq, table.find
        ).long()
        room = self.room(classes)
        upper = ops.pop_uniform(stack.token, shape, (room + 0xFFFF) >> 16).long()
        rest = ops.pop_uniform(stack.token, shape, self.lower(room, upper))
        rank = (upper << 16) | rest
        return self.join(classes, torch.where(room == 1, 0, rank + (room & 1)))

    def code_length(self, symbols: Tensor) -> Tensor:
        """Bits of class and mantissa; nothing to train."""
        return self.exact_length(symbols).double() / LENGTH_UNIT

    def entropy_bits(self) -> Tensor:
        """Entropy of class and mantissa, float64 []."""
        room = self.room(torch.arange(self.layout.classes, device=self.table.freq.device))
        share = self.table.freq.double() / TOTAL
        return self.table.entropy_bits() + (share * torch.log2(room.double())).sum()

    def exact_length(self, symbols: Tensor) -> Tensor:
        """Bits of class and mantissa."""
        classes, mantissa = self.split(symbols)
        room = self.room(classes)
        upper = torch.where(room == 1, 0, mantissa - (room & 1)) >> 16
        digits = log2_units(self.lower(room, upper)) + log2_units((room + 0xFFFF) >> 16)
        return self.table.exact_length(classes) + digits
