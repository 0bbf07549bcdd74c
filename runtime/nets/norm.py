"""Normalisation over the last axis, or over groups of channels, without running statistics."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets.base import Net


class Norm(Net):
    """Layer norm (with a bias) or root-mean-square norm (without), learned scale: [.., n].

    Sources: Ba, Kiros, Hinton, "Layer Normalization" (2016); Zhang, Sennrich, "Root Mean Square
    Layer Normalization" (2019).
    """

    def __init__(self, n: int, kind: str = "layer", eps: float = 1e-5) -> None:
        super().__init__()
        self.n, self.kind, self.eps = n, kind, eps
        self.weight = nn.Parameter(torch.ones(n))
        if kind == "layer":
            self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, [.., n], normalised over its last axis, times the learned scale."""
        if self.kind == "layer":
            return functional.layer_norm(x, (self.n,), self.weight, self.bias, self.eps)
        return functional.rms_norm(x, (self.n,), self.weight, self.eps)


class GroupNorm(Net):
    """Group norm of an image, learned scale and bias a channel: [B, n, H, W].

    Source: Wu, He, "Group Normalization" (2018).
    """

    def __init__(self, n: int, groups: int = 1, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, [B, n, H, W], normalised over each example's groups of channels."""
        return functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)
