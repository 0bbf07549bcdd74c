"""Layers that do what a net must not, and a bijection with a wrong inverse, for specs to name."""

import itertools

import torch
from torch import Tensor, nn

_calls = itertools.count()


class Counting(nn.Module):
    """Adds how often it was called."""

    def forward(self, x: Tensor) -> Tensor:
        return x + next(_calls)


class TwoFaced(nn.Module):
    """Doubles in training."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if self.training else x


def cube(x: Tensor) -> Tensor:
    return x**3


def root(x: Tensor) -> Tensor:
    """The root of what is not negative."""
    return x.abs() ** (1 / 3)


def signed_root(x: Tensor) -> Tensor:
    return torch.copysign(x.abs() ** (1 / 3), x)
