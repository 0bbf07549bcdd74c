"""`mix`: the last axis of a register times a matrix, exactly on a lattice.

Rotations, reflections and permutations are lifting steps alone (`revc.runtime.state.lifting`).
An LU matrix also scales, so it exchanges bits with the tape: lift by U', scale, lift by L, permute.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.library import custom_op

from revc.errors import BindError
from revc.runtime.bits import host
from revc.runtime.metered.plan import Site
from revc.runtime.metered.scaling import scale
from revc.runtime.metered.session import Session, session_of
from revc.runtime.nets import mixing
from revc.runtime.state.factoring import factor, permutation, triangle
from revc.runtime.state.lifting import apply_lifts, apply_matrix, triangular_lift

LIMITS = (1 / mixing.SCALE_LIMIT, mixing.SCALE_LIMIT)


def mix(raw: Tensor, params: Sequence[Tensor], family: str, seed: int, undo: bool) -> Tensor:
    """Return `raw` with its last axis multiplied by a matrix of `family`, or by its inverse."""
    return _mix(raw, list(params), family, seed, undo)


@custom_op("revc::mix", mutates_args=())
def _mix(raw: Tensor, params: list[Tensor], family: str, seed: int, undo: bool) -> Tensor:
    n = raw.shape[-1]
    if family == "permutation":
        return raw[..., _order(n, seed, undo, raw.device)]
    matrix = mixing.matrix_of(family, tuple(params), n)
    if raw.is_floating_point():
        return apply_matrix(raw, matrix, undo)
    return apply_lifts(raw, factor(_on_host(matrix)), undo)


@cache
def _order(n: int, seed: int, undo: bool, device: torch.device) -> Tensor:
    """Return the indices of a permutation or of its inverse, made once for each device."""
    order = permutation(n, seed)
    return (order.argsort() if undo else order).to(device)


def _on_host(matrix: Tensor) -> Tensor:
    """Return a matrix on the CPU, where it is factored: this waits for a device.

    Raises:
        BindError: a CUDA graph is captured, whose replays would go on with today's factors.
    """
    if host.captures(matrix.device):
        raise BindError(
            "`mix` by a matrix factors it on the host in each pass, which a CUDA graph cannot "
            "replay: only permutations can be captured"
        )
    return matrix.cpu()


@custom_op("revc::mix_lu", mutates_args=("token",))
def _mix_lu(token: Tensor, raw: Tensor, weight: Tensor, site: int, undo: bool) -> Tensor:
    token[1] += 1
    session = session_of(token)
    return lu(session, raw, weight, session.plan.sites[site], undo)


@_mix.register_fake
def _(raw: Tensor, *_: object) -> Tensor:
    return torch.empty(raw.shape, dtype=raw.dtype, device=raw.device)


@_mix_lu.register_fake
def _(token: Tensor, raw: Tensor, *_: object) -> Tensor:
    return torch.empty(raw.shape, dtype=raw.dtype, device=raw.device)


def mix_lu(token: Tensor, raw: Tensor, weight: Tensor, site: int, undo: bool) -> Tensor:
    """Return a lattice register multiplied by an LU matrix, or by its inverse."""
    return _mix_lu(token, raw, weight, site, undo)


def lu(session: Session, raw: Tensor, weight: Tensor, site: Site, undo: bool) -> Tensor:
    """Take the steps of an LU matrix on a lattice, or take them back."""
    order, lower, factors, upper = mixing.lu_pieces((weight,), raw.shape[-1])
    order = order.to(raw.device)
    first, last = triangle(_on_host(upper), upper=True), triangle(_on_host(lower))
    if not undo:
        raw = triangular_lift(raw, first)
        raw = scale(session, raw, factors, LIMITS, site, undo)
        return triangular_lift(raw, last)[..., order].contiguous()
    raw = triangular_lift(raw[..., order.argsort()], last, undo=True)
    raw = scale(session, raw, factors, LIMITS, site, undo)
    return triangular_lift(raw, first, undo=True)


def count_mix(
    lengths: Tensor, sites: Sequence[Site], site: int, sign: int, raw: Tensor, weight: Tensor
) -> None:
    """Add what an LU matrix writes to its row: -log2 |det| for each vector of a sequence."""
    vectors = raw.numel() // (max(raw.shape[0], 1) * raw.shape[-1])
    bits = mixing.log_abs_det("lu", (weight,)) * (-vectors / math.log(2.0))
    lengths[sites[site].row].add_(bits.to(lengths.dtype), alpha=sign)


def mix_vjp(
    cotangent: Tensor, value: Tensor, params: Sequence[Tensor], family: str, seed: int, undo: bool
) -> tuple[Tensor, Tensor]:
    """Return the cotangents of what was mixed and of the parameter (an empty one without any).

    `value` are the floats that the matrix itself was, or undone would be, applied to.
    """
    return _mix_vjp(cotangent, value, list(params), family, seed, undo)


def mix_lu_vjp(
    cotangent: Tensor, d_lengths: Tensor | None, sites: Sequence[Site], site: int, value: Tensor,
    weight: Tensor, undo: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the cotangents of `mix_lu`, that of the matrix with what its code length adds."""
    by_value, by_param = mix_vjp(cotangent, value, [weight], "lu", 0, undo)
    if d_lengths is not None:
        vectors = value.numel() // (max(value.shape[0], 1) * value.shape[-1])
        sign = -1 if undo else 1
        each = d_lengths[sites[site].row].sum().double() * (-sign * vectors / math.log(2.0))
        by_param = by_param + mixing.log_abs_det_vjp("lu", (weight,), each)[0]
    return by_value, by_param


@custom_op("revc::mix_vjp", mutates_args=())
def _mix_vjp(
    cotangent: Tensor, value: Tensor, params: list[Tensor], family: str, seed: int, undo: bool
) -> tuple[Tensor, Tensor]:
    n, own = value.shape[-1], tuple(params)
    if family == "permutation":
        return cotangent[..., _order(n, seed, not undo, value.device)], cotangent.new_empty(0)
    matrix = mixing.matrix_of(family, own, n, seed).to(value.device)
    if undo:
        by_value = (cotangent.double() @ torch.linalg.inv(matrix)).to(cotangent.dtype)
        product = -_outer(by_value, value)
    else:
        by_value = (cotangent.double() @ matrix).to(cotangent.dtype)
        product = _outer(cotangent, value)
    found = mixing.matrix_vjp(family, own, n, product)
    return by_value, found[0] if found else cotangent.new_empty(0)


@_mix_vjp.register_fake
def _(
    cotangent: Tensor, value: Tensor, params: list[Tensor], family: str, seed: int, undo: bool
) -> tuple[Tensor, Tensor]:
    by_param = torch.empty_like(params[0]) if params else cotangent.new_empty(0)
    return torch.empty(cotangent.shape, dtype=cotangent.dtype, device=cotangent.device), by_param


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum of outer products over all but the last axis, float64 [n, n]."""
    return left.flatten(0, -2).double().mT @ right.flatten(0, -2).double()
