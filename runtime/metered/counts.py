"""Code lengths in graphs: rows of float sums per sequence, and how cotangents pass exchanges.

Nothing differentiates through the coder. What a step writes counts with its differentiable length
-log2 q, summed for each sequence into a row of `lengths`, [rows, B] in bits. A fresh value passes
its cotangent on to its distribution's parameters by reparameterisation, straight through the
rounding; an old value gets a cotangent from its length alone.
"""

import math

import torch
from torch import Tensor

from revc.runtime.cotangents import zeros_for
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.lengths import sequence_length
from revc.runtime.metered.lengths_vjp import reparameterise_vjp, sequence_length_vjp
from revc.runtime.metered.quantiser import coded
from revc.runtime.metered.scaling import GATE_BITS, gate
from revc.runtime.metered.session import session_of

LN2 = math.log(2.0)


def count(
    lengths: Tensor, row: int, sign: int, raw: Tensor, params: Tensor | None, coding: str
) -> None:
    """Add ``sign`` times the length of a register's values to a row."""
    at = Coding.parse(coding)
    value = coded(raw, at, lengths.dtype)
    found = sequence_length(at.family, value, params, at.step, at.components, n=at.size, p=at.p)
    if at.residue == "write" and at.kind == "lattice" and at.unit > 1:
        found = found + math.log2(at.unit) * (raw.numel() / max(raw.shape[0], 1))
    lengths[row].add_(found.to(lengths.dtype), alpha=sign)


def count_vjp(
    d_lengths: Tensor | None, row: int, sign: int, raw: Tensor, params: Tensor | None, coding: str
) -> tuple[Tensor, Tensor | None]:
    """Return the cotangents that `count` gives to the values and to the parameters."""
    at = Coding.parse(coding)
    if d_lengths is None or (params is None and at.kind != "lattice"):
        return zeros_for(raw), None if params is None else torch.zeros_like(params)
    if params is None:
        return zeros_for(raw), None
    value = coded(raw, at, d_lengths.dtype)
    d_value, d_params = sequence_length_vjp(
        at.family, d_lengths[row] * sign, value, params, at.step, at.components
    )
    return zeros_for(raw) if d_value is None else d_value, d_params


def drawn_vjp(
    bits: Tensor, cotangent: Tensor, raw: Tensor, params: Tensor | None, meter: str, coding: str
) -> Tensor | None:
    """Return the cotangent of the parameters that a value was drawn by; None if it was given."""
    at = Coding.parse(coding)
    if params is None or at.kind == "label":
        return None
    if not torch.compiler.is_compiling() and meter in session_of(bits).options.given:
        return None
    value = coded(raw, at, cotangent.dtype)
    return reparameterise_vjp(at.family, cotangent, value, params, at.step, at.components)


def total(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return the sum of two cotangents of parameters, either of which may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first + second


# --- factors -------------------------------------------------------------------------------------


def held_factor(factor: Tensor, low: float, high: float, exact: bool) -> Tensor:
    """Return the factor that a place is multiplied by: rounded, where the scaling is exact."""
    if not exact:
        return clamped(factor, low, high)
    return gate(factor, low, high).to(factor.dtype) * 2.0**-GATE_BITS


def clamped(factor: Tensor, low: float, high: float) -> Tensor:
    """Return a scale's factor as it counts: within its range, at least one 2**-GATE_BITS."""
    return factor.clamp(max(low, 2.0**-GATE_BITS), high)


def count_scale(
    lengths: Tensor, row: int, sign: int, raw: Tensor, factor: Tensor, low: float, high: float
) -> None:
    """Add ``-sign * sum(log2 factor)``, the factor as rounded, for each sequence to a row."""
    bits = -torch.log2(held_factor(factor, low, high, exact=True)).expand(raw.shape)
    lengths[row].add_(bits.flatten(1).sum(-1).to(lengths.dtype), alpha=sign)


def scale_vjp(
    cotangent: Tensor, d_lengths: Tensor | None, row: int, sign: int, value: Tensor,
    factor: Tensor, low: float, high: float, exact: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the cotangents of value and factor of ``value * factor``, `value` as floats.

    With sign -1 the step was undone: ``value / factor``. The factor's rounding is passed straight
    through, where the scaling is exact; a factor outside its range gets no cotangent.
    """
    held = held_factor(factor, low, high, exact)
    if sign > 0:
        by_value, by_factor = cotangent * held, cotangent * value
    else:
        by_value = cotangent / held
        by_factor = -by_value * value / held
    if d_lengths is not None:
        each = (d_lengths[row] * (-sign / LN2)).reshape(-1, *[1] * (value.dim() - 1))
        by_factor = by_factor + each / held
    inside = (factor >= low) & (factor <= high)
    by_factor = by_factor * inside
    return by_value, by_factor.sum_to_size(factor.shape).to(factor.dtype)


# --- softsign ------------------------------------------------------------------------------------


def count_squash(lengths: Tensor, row: int, sign: int, value: Tensor) -> None:
    """Add ``sign`` times what softsign of `value` writes: 2 log2(1 + |value|) an element."""
    bits = 2 * torch.log2(1 + value.abs())
    lengths[row].add_(bits.flatten(1).sum(-1).to(lengths.dtype), alpha=sign)


def squash_vjp(
    cotangent: Tensor, d_lengths: Tensor | None, row: int, sign: int, value: Tensor
) -> Tensor:
    """Return the cotangent of `value`, what softsign was applied to; undone, that of the result."""
    size = 1 + value.abs()
    if d_lengths is None:
        return cotangent / size.square() if sign > 0 else cotangent * size.square()
    each = (d_lengths[row] * (2 * sign / LN2)).reshape(-1, *[1] * (value.dim() - 1))
    by_length = each * value.sign() / size
    if sign > 0:
        return cotangent / size.square() + by_length
    return (cotangent + by_length) * size.square()
