"""Uniform integers below bases of up to 2**32, as operators (see ``ops``).

A symbol is an upper digit and a lower one of ``raw`` bits, whose base is smaller under the last
upper digit: then what a reservoir yields is still below n, within 5e-5 bit of uniform.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.bits import host
from revc.runtime.bits.checks import as_lanes, check_shape, flat, keep_between, new_symbols
from revc.runtime.bits.engine import Engine, engine_of
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.ops import NAMESPACE

LARGEST = 1 << 32
BELOW = "symbols have to be in [0, n), each below its own n"


def split_base(n: Tensor) -> tuple[Tensor, Tensor]:
    """(bits of the lower digit, base of the upper one) of n int64 in [1, 2**32]."""
    bits = torch.frexp((n - 1).double()).exponent.long()
    raw = (bits - 16).clamp(min=0)
    return raw, (n + (1 << raw) - 1) >> raw


def lower_base(n: Tensor, raw: Tensor, upper: Tensor) -> Tensor:
    """Base of the lower digit under each upper one."""
    return torch.minimum(n - (upper << raw), 1 << raw)


def checked(engine: Engine, n: Tensor, shape: Sequence[int]) -> Tensor:
    """Bases as [B, E] int64, each in [1, 2**32]; ParameterError."""
    bases = as_lanes(engine, n, shape, torch.int64)
    if bases.numel():
        low, high = torch.aminmax(bases)
        bad = (low < 1) | (high > LARGEST)
        engine.faults.parameter(bad, "the n of a wide uniform has to be in [1, 2**32]")
    return bases.clamp(1, LARGEST) if engine.faults.check == "later" else bases


def narrow(raw: Tensor) -> bool:
    """Whether no symbol has a lower digit, if looking costs no waiting."""
    return not host.waits(raw.device) and not bool(raw.any())


@custom_op(f"{NAMESPACE}::push_wide", mutates_args=("token",))
def push_wide(token: Tensor, symbols: Tensor, n: Tensor) -> None:
    """Push ``symbols`` below ``n``: int64 of the same shape, in [1, 2**32]."""
    engine = engine_of(token)
    check_shape(engine, symbols.shape, symbols.device)
    bases = checked(engine, n, symbols.shape)
    whole = keep_between(engine, flat(symbols), torch.zeros_like(bases), bases - 1, BELOW).long()
    raw, upper_base = split_base(bases)
    upper = whole >> raw
    if not narrow(raw):
        lower = (whole - (upper << raw)).int()
        engine.push("push_uniform", lower, 1, lower_base(bases, raw, upper))
    engine.push("push_uniform", upper.int(), 1, upper_base)
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_wide", mutates_args=("token",))
def pop_wide(token: Tensor, shape: Sequence[int], n: Tensor) -> Tensor:
    """Undo ``push_wide``; int64."""
    engine = engine_of(token)
    out, upper = new_symbols(engine, shape, torch.int32)
    bases = checked(engine, n, shape)
    raw, upper_base = split_base(bases)
    engine.pop("pop_uniform", upper, 1, upper_base)
    whole = upper.long()
    if not narrow(raw):
        lower = torch.empty_like(upper)
        engine.pop("pop_uniform", lower, 1, lower_base(bases, raw, whole))
        whole = (whole << raw) + lower
    token[1] += 1
    return whole.reshape(out.shape)


@custom_op(f"{NAMESPACE}::wide_length", mutates_args=())
def wide_length(symbols: Tensor, n: Tensor) -> Tensor:
    """log2 of the digits' bases, int64 in 2**-32 bit."""
    raw, upper = split_base(n)
    return log2_units(upper) + log2_units(lower_base(n, raw, symbols.long() >> raw))


@wide_length.register_fake
def _(symbols: Tensor, n: Tensor) -> Tensor:
    return torch.empty_like(n)


@push_wide.register_fake
def _(token: Tensor, symbols: Tensor, n: Tensor) -> None:
    return None


@pop_wide.register_fake
def _(token: Tensor, shape: Sequence[int], n: Tensor) -> Tensor:
    return n.new_empty(tuple(shape))
