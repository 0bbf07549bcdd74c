"""Code lengths in graphs: rows of float sums per sequence, and how cotangents pass exchanges.

Nothing differentiates through the coder. What a step writes counts with its differentiable length
-log2 q, summed for each sequence into a row of `lengths`, [rows, B] in bits. A fresh value passes
its cotangent on to its distribution's parameters by reparameterisation, straight through the
rounding; an old value gets a cotangent from its length alone.

These functions are traced, and know no session: `sites` is the plan's table, `site` a number in it.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.cotangents import zeros_for
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.device import length_kernels
from revc.runtime.metered.lengths import by_example, sequence_length
from revc.runtime.metered.lengths_vjp import reparameterise_vjp, sequence_length_vjp
from revc.runtime.metered.plan import Site
from revc.runtime.metered.quantiser import coded
from revc.runtime.metered.scaling import GATE_BITS, gate
from revc.runtime.metered.session import session_of

LN2 = math.log(2.0)

Sites = Sequence[Site]


def count(
    lengths: Tensor, sites: Sites, site: int, sign: int, raw: Tensor, params: Tensor | None
) -> None:
    """Add ``sign`` times the length of a register's values to its row."""
    at = sites[site].coding
    found = _length(at, raw, params, lengths.dtype)
    if at.residue == "write" and at.kind == "lattice" and at.unit > 1:
        found = found + math.log2(at.unit) * (raw.numel() / max(raw.shape[0], 1))
    lengths[sites[site].row].add_(found.to(lengths.dtype), alpha=sign)


def _length(at: Coding, raw: Tensor, params: Tensor | None, dtype: torch.dtype) -> Tensor:
    kernels = length_kernels(at, raw, params, dtype)
    if kernels is not None:
        return kernels.sequence_length(raw, params, at.step, at.unit)
    value = coded(raw, at, dtype)
    return sequence_length(at.family, value, params, at.step, at.components, n=at.size, p=at.p)


def count_vjp(
    d_lengths: Tensor | None, sites: Sites, site: int, sign: int, raw: Tensor,
    params: Tensor | None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Return the cotangents that `count` gives to the values and to the parameters."""
    at = sites[site].coding
    if d_lengths is None or (params is None and at.kind != "lattice"):
        return zeros_for(raw), None if params is None else torch.zeros_like(params)
    if params is None:
        return zeros_for(raw), None
    d_length = d_lengths[sites[site].row] * sign
    kernels = length_kernels(at, raw, params, d_lengths.dtype)
    if kernels is not None:
        return kernels.sequence_length_vjp(d_length, raw, params, at.step, at.unit)
    value = coded(raw, at, d_lengths.dtype)
    d_value, d_params = sequence_length_vjp(
        at.family, d_length, value, params, at.step, at.components
    )
    return zeros_for(raw) if d_value is None else d_value, d_params


def drawn_vjp(
    bits: Tensor, sites: Sites, site: int, cotangent: Tensor, raw: Tensor, params: Tensor | None
) -> Tensor | None:
    """Return the cotangent of the parameters that a value was drawn by; None if it was given."""
    at, meter = sites[site].coding, sites[site].meter
    if params is None or at.kind == "label" or _is_given(bits, meter):
        return None
    kernels = length_kernels(at, raw, params, cotangent.dtype)
    if kernels is not None:
        return kernels.reparameterise_vjp(cotangent, raw, params, at.step, at.unit)
    value = coded(raw, at, cotangent.dtype)
    return reparameterise_vjp(at.family, cotangent, value, params, at.step, at.components)


def _is_given(bits: Tensor, meter: str) -> bool:
    """Say whether values were given for a draw: never in traced code, or without data."""
    if torch.compiler.is_compiling() or type(bits) is not Tensor or bits.is_meta:
        return False
    return meter in session_of(bits).options.given


def total(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return the sum of two cotangents of parameters, either of which may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first + second


# --- factors -------------------------------------------------------------------------------------


def held_factor(factor: Tensor, low: float, high: float) -> Tensor:
    """Return the factor that a place is multiplied by, rounded as exact scaling does."""
    return gate(factor, low, high).to(factor.dtype) * 2.0**-GATE_BITS


def clamped(factor: Tensor, low: float, high: float) -> Tensor:
    """Return a scale's factor as it counts: within its range, at least one 2**-GATE_BITS."""
    return factor.clamp(max(low, 2.0**-GATE_BITS), high)


def count_scale(
    lengths: Tensor, sites: Sites, site: int, sign: int, raw: Tensor, factor: Tensor, low: float,
    high: float,
) -> None:  # fmt: skip
    """Add ``-sign * sum(log2 factor)``, the factor as rounded, for each sequence to its row."""
    bits = -torch.log2(held_factor(factor, low, high)).expand(raw.shape)
    lengths[sites[site].row].add_(by_example(bits).to(lengths.dtype), alpha=sign)


def scale_vjp(
    cotangent: Tensor, d_lengths: Tensor | None, sites: Sites, site: int, sign: int,
    value: Tensor, factor: Tensor, low: float, high: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the cotangents of value and factor of ``value * factor``, `value` as floats.

    With sign -1 the step was undone: ``value / factor``. The factor's rounding is passed straight
    through; a factor outside its range gets no cotangent.
    """
    held = held_factor(factor, low, high)
    row = None if d_lengths is None else d_lengths[sites[site].row]
    inside = (factor >= low) & (factor <= high)
    return product_vjp(cotangent, row, sign, value, factor, held, inside)


def product_vjp(
    cotangent: Tensor, d_length: Tensor | None, sign: int, value: Tensor, factor: Tensor,
    held: Tensor, inside: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the cotangents of value and factor, which counts as `held`, where it is `inside`.

    `d_length`, [B], is the cotangent of the code length, where there is one.
    """
    if sign > 0:
        by_value, by_factor = cotangent * held, cotangent * value
    else:
        by_value = cotangent / held
        by_factor = -by_value * value / held
    if d_length is not None:
        each = (d_length * (-sign / LN2)).reshape(-1, *[1] * (value.dim() - 1))
        by_factor = by_factor + each / held
    by_factor = by_factor * inside
    return by_value, by_factor.sum_to_size(factor.shape).to(factor.dtype)


# --- softsign ------------------------------------------------------------------------------------


def count_squash(lengths: Tensor, sites: Sites, site: int, sign: int, value: Tensor) -> None:
    """Add ``sign`` times what softsign of `value` writes: 2 log2(1 + |value|) an element."""
    bits = 2 * torch.log2(1 + value.abs())
    lengths[sites[site].row].add_(by_example(bits).to(lengths.dtype), alpha=sign)


def squash_vjp(
    cotangent: Tensor, d_lengths: Tensor | None, sites: Sites, site: int, sign: int, value: Tensor
) -> Tensor:
    """Return the cotangent of `value`, what softsign was applied to; undone, that of the result."""
    size = 1 + value.abs()
    if d_lengths is None:
        return cotangent / size.square() if sign > 0 else cotangent * size.square()
    each = (d_lengths[sites[site].row] * (2 * sign / LN2)).reshape(-1, *[1] * (value.dim() - 1))
    by_length = each * value.sign() / size
    if sign > 0:
        return cotangent / size.square() + by_length
    return (cotangent + by_length) * size.square()
