"""The same steps on float state, which needs no tape and is undone up to rounding only."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from revc.runtime.metered.counts import clamped, product_vjp
from revc.runtime.nets.tensor_ops import softsign


def scale(value: Tensor, factor: Tensor, low: float, high: float, undo: bool) -> Tensor:
    """Return ``value * factor``, or ``value / factor``, the factor clamped to [low, high]."""
    held = clamped(factor.to(value.dtype), low, high)
    return value / held if undo else value * held


def scale_vjp(
    cotangent: Tensor, value: Tensor, factor: Tensor, low: float, high: float, undo: bool
) -> tuple[Tensor, Tensor]:
    """Return the cotangents of value and factor; one outside its range gets none."""
    held, inside = clamped(factor, low, high), (factor >= low) & (factor <= high)
    return product_vjp(cotangent, None, -1 if undo else 1, value, factor, held, inside)


class Bijection(NamedTuple):
    """A strictly increasing function, its inverse, and its derivative."""

    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


BIJECTIONS = {
    "softsign": Bijection(
        softsign, lambda y: y / (1 - y.abs()), lambda x: 1 / (1 + x.abs()).square()
    ),
    "tanh": Bijection(torch.tanh, torch.atanh, lambda x: 1 - torch.tanh(x).square()),
    "sigmoid": Bijection(
        torch.sigmoid, torch.logit, lambda x: torch.sigmoid(x) * torch.sigmoid(-x)
    ),
    "exp": Bijection(torch.exp, torch.log, torch.exp),
    "log": Bijection(torch.log, torch.exp, torch.reciprocal),
    "softplus": Bijection(
        functional.softplus, lambda y: y + torch.log(-torch.expm1(-y)), torch.sigmoid
    ),
    "sinh": Bijection(torch.sinh, torch.asinh, torch.cosh),
    "arcsinh": Bijection(torch.asinh, torch.sinh, lambda x: torch.rsqrt(1 + x.square())),
}


def apply(value: Tensor, name: str, undo: bool) -> Tensor:
    """Return a named bijection of float values, or its inverse."""
    at = BIJECTIONS[name]
    return at.inverse(value) if undo else at.forward(value)


def apply_vjp(cotangent: Tensor, source: Tensor, name: str, undo: bool) -> Tensor:
    """Return the cotangent of what was mapped.

    `source` is what the function itself was, or would be, applied to: undone, the step's result.
    """
    slope = BIJECTIONS[name].slope(source).to(cotangent.dtype)
    return cotangent / slope if undo else cotangent * slope
