"""Code lengths -log2 q(value | params) in bits, as pure tensor functions; see `lengths_vjp`.

Value is float, in units of values, and has the mass of the bin of width `step` centred on it; or it
is an integer label. Parameters may lack leading axes of the value. With n the value's last axis:

* ``logistic``, ``gaussian``: [.., 2n], locations l and s, with ``scale = step/2 + softplus(s)``;
* ``logistic_mixture``: [.., 3*K*n], viewed as [.., 3, K, n]: logits, l, s;
* ``softmax``: logits [.., classes]; ``uniform`` and ``dropout``: none.

Below, z is the distance from the location and a is half a step, both in scales: 0 < a <= 1. All
have an even density, so that the mass is that of [|z| - a, |z| + a].
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from revc.errors import InternalError

# A compiler may take floats of a module for a graph's inputs: they are whole, or in functions.
BULK = 40
"""Where softplus(s) is s in float64 as well; torch switches at 20, which is 1e-10 off."""


def number(like: Tensor, value: float) -> Tensor:
    """Return a 0-dim constant of the dtype and on the device of `like`."""
    return like.new_full((), value)


def spare(x: Tensor) -> Tensor:
    """Return `x` to be overwritten; a copy if autograd may want it.

    Fresh memory costs more than arithmetic here: the first touch of a page takes longer than a
    pass over a buffer in cache.
    """
    return x.clone() if x.requires_grad and torch.is_grad_enabled() else x


def real(x: Tensor) -> Tensor:
    """Return float64 as it is, and anything else as float32."""
    return x if x.dtype == torch.float64 else x.float()


# --- parameters ----------------------------------------------------------------------------------


def unpack(
    family: str, params: Tensor, step: float = 1.0, components: int = 1
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return (logits, loc, scale), float32, or float64 if `params` are.

    Args:
        family: logistic, gaussian or logistic_mixture.
        params: float, [.., 2n], or [.., 3*K*n] for a mixture.
        step: width of a bin, in units of values.
        components: K.

    Returns:
        None, [.., n], [.., n]; or [.., n, K] thrice for a mixture, in natural-log units (nats),
        units of values, and units of values.
    """
    logits, loc, scale = rows(family, params, step, components)
    if logits is None:
        return None, loc, scale
    return logits.mT, loc.mT, scale.mT


def unpack_vjp(
    family: str, params: Tensor, step: float, components: int,
    d_logits: Tensor | None, d_loc: Tensor, d_scale: Tensor,
) -> Tensor:  # fmt: skip
    """Return the cotangent of `params`, given those of what `unpack` returned.

    They may have the value's shape ([.., n] or [.., n, K]) and are summed over the axes that
    `params` lacks. Scale's floor and the spread of a mixture's locations are constants.
    """
    if d_logits is None:
        return rows_vjp(family, params, components, None, d_loc, d_scale)
    return rows_vjp(family, params, components, d_logits.mT, d_loc.mT, d_scale.mT)


def rows(
    family: str, params: Tensor, step: float, components: int
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Do as `unpack`, but with a mixture's components on axis -2, as they lie in memory."""
    logits, loc, s = _parts(family, real(params), components)
    # On few channels torch's kernel goes element by element unless the memory is contiguous.
    scale = softplus(s.contiguous(), threshold=BULK).add_(step / 2)
    if logits is None:
        return None, loc, scale
    middle = (components - 1) / 2
    place = torch.arange(components, dtype=loc.dtype, device=loc.device).sub_(middle).mul_(step)
    return logits, loc + place[:, None], scale


def rows_vjp(
    family: str, params: Tensor, components: int,
    d_logits: Tensor | None, d_loc: Tensor, d_scale: Tensor,
) -> Tensor:  # fmt: skip
    """Do as `unpack_vjp`, but with a mixture's components on axis -2."""
    found = torch.empty_like(real(params))
    _, _, s = _parts(family, real(params), components)
    at_logits, at_loc, at_s = _parts(family, found, components)
    at_loc.copy_(d_loc.sum_to_size(s.shape))
    at_s.copy_(s).sigmoid_().mul_(d_scale.sum_to_size(s.shape))
    if at_logits is not None and d_logits is not None:
        at_logits.copy_(d_logits.sum_to_size(s.shape))
    return found.to(params.dtype)


def _parts(family: str, params: Tensor, components: int) -> tuple[Tensor | None, Tensor, Tensor]:
    """Views of (logits, l, s)."""
    if family == "logistic_mixture":
        three = params.unflatten(-1, (3, components, params.shape[-1] // (3 * components)))
        return three[..., 0, :, :], three[..., 1, :, :], three[..., 2, :, :]
    n = params.shape[-1] // 2
    return None, params[..., :n], params[..., n:]


# --- lengths -------------------------------------------------------------------------------------


def code_length(
    family: str, value: Tensor, params: Tensor | None, step: float = 1.0, components: int = 1,
    n: int = 0, p: float = 0.0,
) -> Tensor:  # fmt: skip
    """Return -log2 q(value | params) in bits, of the value's shape; autograd can follow.

    Args:
        family: one of those above.
        value: float [.., n] in units of values; int64 labels [..] for the last three families.
        params: float; None for uniform and dropout.
        step: width of a bin, in units of values.
        components: K of a mixture.
        n: number of labels of a uniform.
        p: rate of a dropout, whose label 0 means dropped and 1 kept.

    Returns:
        float32, or float64 if `params` are.

    Raises:
        InternalError: a family with parameters is given none.
    """
    if family == "uniform":
        return torch.full_like(value, math.log2(n), dtype=torch.float32)
    if family == "dropout":
        kept = torch.full_like(value, _surprise(1 - p), dtype=torch.float32)
        return kept.masked_fill_(value == 0, _surprise(p))
    if params is None:
        raise InternalError(f"{family} has no parameters")
    if family == "softmax":
        return _softmax_bits(value, params)
    logits, loc, scale = rows(family, params, step, components)
    if logits is None:
        return BITS[family](*standard(value, loc, scale, step))
    return _logsumexp(mixture_terms(value, logits, loc, scale, step)).mul_(-1 / math.log(2))


def sequence_length(
    family: str, value: Tensor, params: Tensor | None, step: float = 1.0, components: int = 1,
    n: int = 0, p: float = 0.0,
) -> Tensor:  # fmt: skip
    """Return `code_length` summed over every axis but the first: bits an example, shape [B]."""
    return by_example(code_length(family, value, params, step, components, n, p))


def by_example(bits: Tensor) -> Tensor:
    """Return numbers [B, ..], or [B], summed over every axis but the first, [B]."""
    return bits[..., None].flatten(1).sum(-1)


def standard(value: Tensor, loc: Tensor, scale: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Return z = (value - loc) / scale and a = step / 2 / scale, both to be overwritten."""
    z = (value - loc).to(loc.dtype).div_(scale)
    return z, number(scale, step / 2) / scale


def logistic_bits(z: Tensor, a: Tensor) -> Tensor:
    """Return -log2 of the mass of [z - a, z + a] under the logistic density.

    The mass is ``sinh a / (cosh z + cosh a)``. Both are scaled by e**a and e**-|z|, with
    E = e**-|z| and A = e**a: ``-ln P = |z| + ln((1 + E A) (E + A) / (A**2 - 1))``.
    """
    grown = spare(a).expm1_()
    edge = grown + 1
    fall = z.copysign_(-1.0)
    far = fall.exp()
    top = torch.addcmul(number(far, 1.0), far, edge)
    top.mul_(spare(far).add_(edge)).div_(spare(edge).add_(1).mul_(grown))
    return top.log2_().sub_(fall, alpha=1 / math.log(2))


def off_zero(w: Tensor) -> Tensor:
    """Put 1e-20, whose products do not vanish, for zeros that a formula divides by, in place."""
    return w.clamp_(min=1e-20)


def gaussian_bits(z: Tensor, a: Tensor) -> Tensor:
    """Return -log2 of the mass of [z - a, z + a] under the normal density.

    The mass is ``exp(-(|z| - a)**2 / 2) * G / 2``, with G of `gaussian_tail`.
    """
    w = off_zero(z.abs_())
    tail, _ = gaussian_tail(w, a)
    return (w - a).square_().mul_(0.5 / math.log(2)).sub_(spare(tail).log2_()).add_(1)


def gaussian_tail(w: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Return G = erfcx((w-a)/r) - e**(-2wa) erfcx((w+a)/r), r = sqrt 2, and expm1(-2wa); w > 0.

    For small a the difference cancels. It is held within the bounds that follow from
    ``e**(-a*a/2) <= e**(-t*t/2) <= 1`` under the integral of the density over t in [-a, a], which
    meet as a vanishes: in float32 the worst relative error is 4e-5, near a = 0.01.
    """
    shrunk = torch.expm1((w * a).mul_(-2))
    near, far = (torch.special.erfcx(edge.mul_(math.sqrt(0.5))) for edge in (w - a, w + a))
    tail = torch.addcmul(near, far, shrunk, value=-1).sub_(far)
    pi = math.acos(-1)  # `math.pi`, a float of a module, may be an input to a compiler
    low = (shrunk / w).mul_(-math.sqrt(2 / pi))
    high = low * torch.exp(a.square().mul_(0.5))
    return torch.clamp(tail, low, high), shrunk


def mixture_terms(value: Tensor, logits: Tensor, loc: Tensor, scale: Tensor, step: float) -> Tensor:
    """Return ln of each component's share of the mass, [.., K, n]."""
    bits = logistic_bits(*standard(value.unsqueeze(-2), loc, scale, step))
    return bits.mul_(-math.log(2)).add_(logits.log_softmax(-2))


def _logsumexp(x: Tensor) -> Tensor:
    """Over axis -2, of finite values; torch's own takes longer."""
    top = x.detach().amax(-2, keepdim=True)
    return (x - top).exp_().sum(-2).log_().add_(top.squeeze(-2))


def _softmax_bits(value: Tensor, logits: Tensor) -> Tensor:
    logs = torch.log_softmax(real(logits), -1)
    picked = logs.expand(*value.shape, -1).gather(-1, value.unsqueeze(-1))
    return picked.squeeze(-1).mul(-1 / math.log(2))


def _surprise(chance: float) -> float:
    return -math.log2(chance) if chance > 0 else math.inf


BITS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "logistic": logistic_bits,
    "gaussian": gaussian_bits,
}
