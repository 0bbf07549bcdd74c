"""Uniform integers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits import ops, wideops
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.gridops import log2_units
from revc.runtime.bits.dist.base import Coder, Distribution, clip_below, is_below


class Uniform(Distribution):
    """Uniform on [0, n) for an int ``n`` up to 2**31, or an int64 tensor of them up to 2**16.

    The tensor has the shape of the symbols. An int above 2**16 is split into an upper digit of 15
    or 16 bits and a lower one, whose base is smaller under the last upper digit: then the cost is
    within 5e-5 bit of log2(n), and what a reservoir yields is still below n.

    Raises:
        ParameterError: an int out of range; a tensor's values are checked as it codes.
    """

    def __init__(self, n: int | Tensor, device: torch.device | str = "cpu") -> None:
        self.n = n
        self.raw = 0
        if isinstance(n, int):
            if not 1 <= n <= 1 << 31:
                raise ParameterError(f"n of a uniform is in [1, 2**31], not {n}")
            self.raw = max(0, (n - 1).bit_length() - 16)
            self.upper = -(-n >> self.raw)
            self.digits = torch.full((1, 1), self.upper, dtype=torch.int64, device=device)
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
        """Push integers in [0, n); see ``Distribution.push``."""
        if self.raw:
            symbols = ops.inside(stack.token, symbols, int(self.n))
        upper = symbols >> self.raw
        if self.raw:
            lower = symbols & ((1 << self.raw) - 1)
            ops.push_uniform(stack.token, lower, self.lower(upper))
        ops.push_uniform(stack.token, upper, self.digits)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; int32 of ``shape``."""
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

    def entropy_bits(self) -> Tensor:
        """log2(n) in bits, float64; [] for an int."""
        if isinstance(self.n, int):
            return torch.full((), math.log2(self.n), device=self.digits.device).double()
        return torch.log2(self.n.double())

    def inside(self, symbols: Tensor) -> Tensor:
        """Whether symbols are in [0, n)."""
        if isinstance(self.n, int):
            return is_below(symbols, self.n)
        return (symbols >= 0) & (symbols.long() < self.n)

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest symbols in [0, n)."""
        if isinstance(self.n, int):
            return clip_below(symbols, self.n)
        return torch.minimum(symbols.long().clamp(min=0), self.n - 1).to(symbols.dtype)


class WideUniform(Distribution):
    """Uniform on [0, n) for n int64 of the symbols' shape, each in [1, 2**32]; pops int64.

    An n above 2**16 is split as ``Uniform`` splits an int.

    Raises:
        ParameterError: n is not int64; its values are checked as it codes.
    """

    def __init__(self, n: Tensor) -> None:
        if n.dtype != torch.int64:
            raise ParameterError(f"the n of a wide uniform is int64, not {n.dtype}")
        self.n = n

    @property
    def shape(self) -> torch.Size:
        """Shape of ``n``, which is that of the symbols."""
        return self.n.shape

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push integers in [0, n); see ``Distribution.push``."""
        wideops.push_wide(stack.token, symbols, self.n)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; int64 of ``shape``, which is that of ``n``."""
        popped: Tensor = wideops.pop_wide(stack.token, shape, self.n)
        return popped

    def code_length(self, symbols: Tensor) -> Tensor:
        """log2(n) in bits, float32."""
        return torch.log2(self.n.double()).float().expand(symbols.shape)

    def exact_length(self, symbols: Tensor) -> Tensor:
        """log2 of the digits' bases."""
        length: Tensor = wideops.wide_length(symbols, self.n)
        return length

    def entropy_bits(self) -> Tensor:
        """log2(n) in bits, float64 of the shape of ``n``."""
        return torch.log2(self.n.double())

    def inside(self, symbols: Tensor) -> Tensor:
        """Whether symbols are in [0, n)."""
        return (symbols >= 0) & (symbols < self.n)

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest symbols in [0, n)."""
        return torch.minimum(symbols.long().clamp(min=0), self.n - 1).to(symbols.dtype)


def raw_bits(count: int, device: torch.device | str = "cpu") -> Uniform:
    """Uniform on [0, 2**count), count in [0, 31]: exactly ``count`` bits a symbol.

    Raises:
        ParameterError: another count.
    """
    if not 0 <= count <= 31:
        raise ParameterError(f"raw bits come 0 to 31 at a time, not {count}")
    return Uniform(1 << count, device)
