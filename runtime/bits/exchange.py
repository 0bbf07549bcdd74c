"""Exact scaling y = x n / 2**k on int32, and its inverse, with the overflow check that it needs.

x n / 2**k is a bijection with the stack only while neither side leaves int32. Mostly the extremes
of the arguments show that it cannot happen, and the kernel runs on int32 in place. Otherwise it
runs on int64, where nothing can be lost, and what overflowed is undone before the error is raised.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from revc.runtime.bits import host
from revc.runtime.bits.checks import as_symbols, check_digits
from revc.runtime.bits.engine import Engine
from revc.runtime.bits.errors import ParameterError, SymbolError

Direction = Literal["scale", "unscale"]
LOW, HIGH = -(1 << 31), (1 << 31) - 1


def exchange(engine: Engine, direction: Direction, x: Tensor, n: Tensor, k: int) -> Tensor:
    """Run one direction over ``x`` int32 [B, ...]; a new tensor of the same shape."""
    if x.dtype != torch.int32:
        raise SymbolError(f"exact scaling works on int32, not {x.dtype}")
    if not 0 <= k <= 16:
        raise ParameterError(f"the exponent k of an exact scaling is in [0, 16], not {k}")
    bases = check_digits(engine, n, x.shape)
    out = as_symbols(engine, x, None).clone()
    if engine.faults.check == "now" and stays_inside(direction, out, bases, k):
        run(engine, direction, out, bases, k)
        return out.reshape(x.shape)
    wide = out.long()
    run(engine, direction, wide, bases, k)
    bad = ((wide < LOW) | (wide > HIGH)).any()
    if engine.faults.check == "now" and bool(bad):
        run(engine, "unscale" if direction == "scale" else "scale", wide, bases, k)
    engine.faults.overflow(bad, f"{direction} by n / 2**{k} leaves the range of int32")
    return wide.to(torch.int32).reshape(x.shape)


def run(engine: Engine, direction: Direction, x: Tensor, bases: Tensor, k: int) -> None:
    """Run the kernel in place."""
    undoes = direction == "unscale"
    engine.exchange(direction, x, undoes, _shrinks(engine, undoes, bases, k), bases, k)


def _shrinks(engine: Engine, undoes: bool, bases: Tensor, k: int) -> bool:
    """Whether each step takes no fewer bits than it gives; False where the host had to wait."""
    if engine.faults.check != "now" or host.waits(bases.device) or bases.numel() == 0:
        return False
    smallest, largest = (int(v) for v in torch.aminmax(bases))
    return largest <= 1 << k if undoes else smallest >= 1 << k


def stays_inside(direction: Direction, x: Tensor, bases: Tensor, k: int) -> bool:
    """Whether the extremes of the arguments already rule an overflow out."""
    if x.numel() == 0:
        return True
    smallest, largest = (int(v) for v in torch.aminmax(bases))
    if direction == "scale" and largest <= 1 << k:
        return True
    low, high = (int(v) for v in torch.aminmax(x))
    low, high = min(low, 0), max(high, 0)
    if direction == "scale":
        return low * largest >> k >= LOW and (high + 1) * largest >> k <= HIGH
    return (low << k) // smallest >= LOW and ((high + 1) << k) // smallest <= HIGH
