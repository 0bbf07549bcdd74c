"""Convolutions with zero padding that keep the image's size."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets.base import Net
from revc.runtime.nets.linear import uniform
from revc.runtime.nets.mlp import ACTIVATIONS


class Conv(Net):
    """[B, n, H, W] to [B, out, H, W] by `layers` convolutions, `width` channels between them."""

    def __init__(
        self, n: int, width: int, out: int, kernel: int = 3, layers: int = 2, act: str = "gelu"
    ) -> None:
        super().__init__()
        self.act = act
        sizes = [n, *[width] * (layers - 1), out]
        self.weights = nn.ParameterList(
            uniform(after, before, kernel, kernel) for before, after in pairwise(sizes)
        )
        self.biases = nn.ParameterList(torch.zeros(after) for after in sizes[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Return the last convolution's image, [B, out, H, W], of `x`, [B, n, H, W]."""
        for depth, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = ACTIVATIONS[self.act](x) if depth else x
            x = functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        return x
