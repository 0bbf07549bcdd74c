"""Nets without parameters that make less of what they read: over windows of an image, over axes."""

import torch
from torch import Tensor

from revc.runtime.nets import tensor_ops
from revc.runtime.nets.base import Net


class Pool(Net):
    """[B, n, H, W] to [B, n, H/stride, W/stride]: the mean or the greatest of each window.

    Windows are `kernel` wide and padded so that there is one for every `stride` pixels; what lies
    outside the image counts in neither.
    """

    def __init__(self, stride: int, kernel: int, kind: str = "mean") -> None:
        super().__init__()
        self.stride, self.kernel, self.kind = stride, kernel, kind

    def forward(self, x: Tensor) -> Tensor:
        """Return the image of windows, [B, n, H/stride, W/stride], of `x`, [B, n, H, W]."""
        padding = tensor_ops.padding(self.kernel, self.stride)
        if self.kind == "max":
            return torch.nn.functional.max_pool2d(x, self.kernel, self.stride, padding)
        return torch.nn.functional.avg_pool2d(
            x, self.kernel, self.stride, padding, count_include_pad=False
        )


class Mean(Net):
    """The mean over the axes `along`, which the result has no more."""

    def __init__(self, along: tuple[int, ...]) -> None:
        super().__init__()
        self.along = tuple(along)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean of `x`, [..], over its axes `along`."""
        return x.mean(self.along)
