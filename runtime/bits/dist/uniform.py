"""Uniform integers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits import ops
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.gridops import log2_units
from revc.runtime.bits.dist.base import Coder, Distribution


class Uniform(Distribution):
    """Uniform on [0, n) for an int ``n`` up to 2**31, or an int64 tensor of them up to 2**16.

    The tensor has the shape of the symbols. An int above 2**16 is split into an upper digit of 15
    or 16 bits and a lower one, whose base is smaller under the last upper digit: then the cost is
    within 5e-5 bit of log2(n), and what a reservoir yields is still below n.
    """

    def __init__(self, n: int | Tensor, device: torch.device | str = "cpu") -> None:
        self.n = n
        self.raw = 0
        if isinstance(n, int):
            if not 1 <= n <= 1 << 31:
                raise ParameterError(f"n of a uniform is in [1, 2**31], not {n}")
            self.raw = max(0, (n - 1).bit_length() - 16)
            self.upper = -(-n >> self.raw)
            self.digits = torch.tensor([[self.upper]], device=device)
        else:
            self.digits = n

    @property
    def shape(self) -> torch.Size | None:
        """Shape of ``n``, if it is a tensor."""
        return None if isinstance(self.n, int) else self.n.shape

    def lower(self, upper: Tensor) -> Tensor:
        """Base of the lower digit under each upper one, int64."""
        full = torch.full(upper.shape, 1 << self.raw, dtype=torch.int64, device=upper.device)
        rest = int(self.n) - ((self.upper - 1) << self.raw)
        return torch.where(upper == self.upper - 1, rest, full)

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push symbols in [0, n)."""
        if self.raw:
            symbols = ops.inside(stack.token, symbols, int(self.n))
        upper = symbols >> self.raw
        if self.raw:
            lower = symbols & ((1 << self.raw) - 1)
            ops.push_uniform(stack.token, lower, self.lower(upper))
        ops.push_uniform(stack.token, upper, self.digits)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``."""
        upper: Tensor = ops.pop_uniform(stack.token, shape, self.digits)
        if not self.raw:
            return upper
        lower: Tensor = ops.pop_uniform(stack.token, shape, self.lower(upper))
        return (upper << self.raw) | lower

    def code_length(self, symbols: Tensor) -> Tensor:
        """log2(n) for every symbol."""
        if isinstance(self.n, int):
            return torch.full(symbols.shape, math.log2(self.n), device=symbols.device)
        return torch.log2(self.n.double()).float().expand(symbols.shape)

    def exact_length(self, symbols: Tensor) -> Tensor:
        """log2 of the digits' bases."""
        own = log2_units(self.digits)
        own = own.reshape(()).expand(symbols.shape) if own.numel() == 1 else own
        return own + log2_units(self.lower(symbols >> self.raw)) if self.raw else own


def raw_bits(count: int, device: torch.device | str = "cpu") -> Uniform:
    """Uniform on [0, 2**count), count in [0, 31]: exactly ``count`` bits a symbol."""
    if not 0 <= count <= 31:
        raise ParameterError(f"raw bits come 0 to 31 at a time, not {count}")
    return Uniform(1 << count, device)
