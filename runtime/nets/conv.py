"""Convolutions with zero padding, which keep the image's size or divide it."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets import tensor_ops
from revc.runtime.nets.base import Net
from revc.runtime.nets.linear import uniform
from revc.runtime.nets.mlp import ACTIVATIONS


class Conv(Net):
    """[B, n, H, W] to [B, out, H/stride, W/stride] by `layers` convolutions.

    There are `width` channels between them, and the first one goes by `stride`.
    """

    def __init__(
        self,
        n: int,
        width: int,
        out: int,
        kernel: int = 3,
        layers: int = 2,
        act: str = "gelu",
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.act, self.stride = act, stride
        sizes = [n, *[width] * (layers - 1), out]
        self.weights = nn.ParameterList(
            uniform(after, before, kernel, kernel) for before, after in pairwise(sizes)
        )
        self.biases = nn.ParameterList(torch.zeros(after) for after in sizes[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Return the last convolution's image, [B, out, H/stride, W/stride], of [B, n, H, W]."""
        for depth, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = ACTIVATIONS[self.act](x) if depth else x
            stride = 1 if depth else self.stride
            padding = tensor_ops.padding(weight.shape[-1], stride)
            x = functional.conv2d(x, weight, bias, stride, padding)
        return x
