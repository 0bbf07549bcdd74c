"""VJPs of code lengths and of drawn values, by explicit formulas; see `lengths`.

Cotangents are of first order: they are made in place, and autograd cannot follow them.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from revc.errors import InternalError
from revc.runtime.metered.lengths import (
    gaussian_tail,
    mixture_terms,
    off_zero,
    real,
    rows,
    rows_vjp,
    standard,
)

STEEPEST = 40
"""Largest ln of tail over density that implicit gradients follow: a value further out, between
components, is drawn with a chance below e**-40, and its gradient would overflow."""


def code_length_vjp(
    family: str, cotangent: Tensor, value: Tensor, params: Tensor | None, step: float = 1.0,
    components: int = 1,
) -> tuple[Tensor | None, Tensor | None]:  # fmt: skip
    """Return the cotangents of value and `params`, of their shapes and dtypes.

    Args:
        family: as in `code_length`, as are the following.
        cotangent: that of the bits; float, broadcasts to the value's shape.
        value: float [.., n], or labels [..].
        params: float or None.
        step: width of a bin, in units of values.
        components: K of a mixture.

    Returns:
        None for labels, and None for the parameters of a family without any.

    Raises:
        InternalError: a family with parameters is given none.
    """
    if family in ("uniform", "dropout"):
        return None, None
    if params is None:
        raise InternalError(f"{family} has no parameters")
    if family == "softmax":
        return None, _softmax_vjp(cotangent, value, params)
    logits, loc, scale = rows(family, params, step, components)
    if logits is None:
        d_loc, d_scale = PULLS[family](cotangent, value, loc, scale, step)
        d_params = rows_vjp(family, params, components, None, d_loc, d_scale)
        return d_loc.neg_().to(value.dtype), d_params
    found = _mixture_pull(cotangent, value, logits, loc, scale, step)
    d_value = found[1].sum(-2).neg_().to(value.dtype)
    return d_value, rows_vjp(family, params, components, *found)


def sequence_length_vjp(
    family: str, cotangent: Tensor, value: Tensor, params: Tensor | None, step: float = 1.0,
    components: int = 1,
) -> tuple[Tensor | None, Tensor | None]:  # fmt: skip
    """Do as `code_length_vjp`, for the bits of each example: `cotangent` is [B]."""
    each = cotangent.reshape(-1, *[1] * (value.dim() - 1))
    return code_length_vjp(family, each, value, params, step, components)


def reparameterise_vjp(
    family: str, cotangent: Tensor, value: Tensor, params: Tensor | None, step: float = 1.0,
    components: int = 1,
) -> Tensor | None:  # fmt: skip
    """Return the cotangent that a drawn value passes to the parameters it was drawn by.

    The value counts as ``loc + scale * noise`` with the noise held, straight through its rounding.
    A mixture's counts as the point that keeps its place in the distribution function F:
    ``dv/dtheta = -(dF/dtheta) / (dF/dv)``.

    Source: Figurnov, Mohamed, Mnih, "Implicit Reparameterization Gradients" (2018), eq. 4.

    Args:
        family: as in `code_length`, as are the following.
        cotangent: that of the drawn value; float, broadcasts to its shape.
        value: float [.., n], or labels [..].
        params: float or None.
        step: width of a bin, in units of values.
        components: K of a mixture.

    Returns:
        The cotangent, of the shape and dtype of `params`; None for families of labels.

    Raises:
        InternalError: a family with parameters is given none.
    """
    if family in ("uniform", "dropout", "softmax"):
        return None
    if params is None:
        raise InternalError(f"{family} has no parameters")
    logits, loc, scale = rows(family, params, step, components)
    if logits is None:
        z, _ = standard(value, loc, scale, step)
        d_loc = cotangent.expand(value.shape)
        return rows_vjp(family, params, components, None, d_loc, z.mul_(cotangent))
    return rows_vjp(family, params, components, *_implicit(cotangent, value, logits, loc, scale))


# --- one component -------------------------------------------------------------------------------


def logistic_pull(
    cotangent: Tensor, value: Tensor, loc: Tensor, scale: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """Return the cotangents of loc, which is minus that of the value, and of scale; both fresh.

    With Z = tanh(z/2), A = tanh(a/2), m = Z A: the length in nats has the slopes
    ``Z (1 - A*A) / (1 - m*m)`` in z and ``-(1 - A*A) (1 + m*m) / (2 A (1 - m*m))`` in a. A is
    below 0.47, so that nothing cancels or vanishes, however far out z is.
    """
    z, a = standard(value, loc, scale, step)
    bend = z.sigmoid().mul_(2).sub_(1)  # a sixth of what tanh takes; A must be right to the ratio
    grown = a.expm1()
    edge = grown.div_(grown + 2)
    m2 = (bend * edge).square_()
    ratio = a.div_(edge).mul_(0.5)
    by_scale = z.mul_(bend).sub_(ratio).addcmul_(ratio, m2, value=-1)
    flat = edge.square_().sub_(1).mul_(1 / math.log(2))
    common = m2.neg_().add_(1).mul_(scale).reciprocal_().mul_(flat).mul_(cotangent)
    return bend.mul_(common), by_scale.mul_(common)


def gaussian_pull(
    cotangent: Tensor, value: Tensor, loc: Tensor, scale: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """Return the cotangents of loc, which is minus that of the value, and of scale; both fresh.

    With G and M = expm1(-2|z|a) of `gaussian_tail`, k = sqrt(2/pi) / G: the length in nats has the
    slopes ``-k M`` in |z| and ``-k (2 + M)`` in a.
    """
    z, a = standard(value, loc, scale, step)
    w = off_zero(z.abs())
    tail, shrunk = gaussian_tail(w, a)
    per_bit = math.sqrt(2 / math.acos(-1)) / math.log(2)  # pi as in `gaussian_tail`
    common = tail.mul_(scale).reciprocal_().mul_(per_bit).mul_(cotangent)
    by_scale = w.add_(a).mul_(shrunk).add_(a, alpha=2).mul_(common)
    return shrunk.mul_(common).mul_(z.sign_()), by_scale


def _softmax_vjp(cotangent: Tensor, value: Tensor, logits: Tensor) -> Tensor:
    """Return (softmax - one-hot) in bits, weighted by the cotangent."""
    chance = torch.softmax(real(logits), -1)
    weight = (cotangent / math.log(2)).to(chance.dtype).expand(value.shape).unsqueeze(-1)
    error = chance * weight
    index = value.unsqueeze(-1)
    # A plain scatter writes each place once: unlike scatter_add_, it is deterministic.
    error.scatter_(-1, index, error.gather(-1, index).sub_(weight))
    return error.sum_to_size(logits.shape).to(logits.dtype)


# --- mixtures ------------------------------------------------------------------------------------


def _mixture_pull(
    cotangent: Tensor, value: Tensor, logits: Tensor, loc: Tensor, scale: Tensor, step: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cotangents, [.., K, n], of logits, loc and scale.

    A component's length counts as much as the component is to blame for the value.
    """
    posterior = mixture_terms(value, logits, loc, scale, step).softmax(-2)
    weight = cotangent.expand(value.shape).unsqueeze(-2)
    d_logits = (logits.softmax(-2) - posterior).mul_(weight / math.log(2))
    share = posterior.mul_(weight)
    return d_logits, *logistic_pull(share, value.unsqueeze(-2), loc, scale, step)


def _implicit(
    cotangent: Tensor, value: Tensor, logits: Tensor, loc: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cotangents, [.., K, n], of logits, loc and scale.

    Location and scale move the value by their component's share of the density, and logits by the
    tails: those beyond the value, on the side of it that holds less mass, where none cancels.
    """
    z = (value.unsqueeze(-2) - loc).to(loc.dtype).div_(scale)
    below = torch.nn.functional.logsigmoid(z)
    above = below - z
    prior = logits.log_softmax(-2)
    density = (prior + below).add_(above).sub_(scale.log())
    weight = cotangent.expand(value.shape).unsqueeze(-2)
    d_loc = density.softmax(-2).mul_(weight)
    upper = (prior + below).logsumexp(-2, True) > (prior + above).logsumexp(-2, True)
    beyond = torch.where(upper, above, below).add_(prior).sub_(density.logsumexp(-2, True))
    tails = beyond.clamp_(max=STEEPEST).exp_()
    lead = tails.sub(prior.exp() * tails.sum(-2, keepdim=True))
    d_logits = torch.where(upper, lead, -lead).mul_(weight)
    return d_logits, d_loc, z.mul_(d_loc)


Pull = Callable[[Tensor, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]
PULLS: dict[str, Pull] = {"logistic": logistic_pull, "gaussian": gaussian_pull}
