"""Pure tensor functions that the graphs call, each beside its VJP.

They are what the built-in nets need beyond single ATen operators. Every one is deterministic on one
device at one shape: the same bits in give the same bits out, which the rebuild relies on.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

aten = torch.ops.aten


def reduce_like(gradient: Tensor, primal: Tensor) -> Tensor:
    """Sum `gradient` over the axes along which `primal` was broadcast to it."""
    return gradient.sum_to_size(primal.shape)


def softsign(x: Tensor) -> Tensor:
    """Return ``x / (1 + |x|)``."""
    return x / (1 + x.abs())


def softsign_vjp(gradient: Tensor, x: Tensor) -> Tensor:
    """Return ``gradient / (1 + |x|)**2``."""
    return gradient / (1 + x.abs()).square()


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return ``x / rms(x) * weight`` over the last axis, and 1/rms, shape ``[.., 1]``.

    Source: Zhang, Sennrich, "Root Mean Square Layer Normalization" (2019), eq. 4.
    """
    scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return x * scale * weight, scale


def rms_norm_vjp(
    gradient: Tensor, x: Tensor, scale: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the cotangents of `x` and `weight`."""
    unit = x * scale
    by_weight = (gradient * unit).sum_to_size(weight.shape)
    pulled = gradient * weight
    mean = (pulled * unit).mean(-1, keepdim=True)
    return (pulled - unit * mean) * scale, by_weight


def padding(kernel: int, stride: int) -> int:
    """Return how many pixels a window is padded by for an image of size H to become H/stride.

    That is for odd kernels, or strides above 1, and sizes that the stride divides.
    """
    return max(0, (kernel - stride + 1) // 2)


def group_norm(
    x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return group norm of `x`, [B, n, H, W], with mean and 1/deviation, [B, groups].

    Source: Wu, He, "Group Normalization" (2018), eq. 1 to 6.
    """
    x, count = x.contiguous(), x.shape[2] * x.shape[3]
    out, mean, rstd = aten.native_group_norm(
        x, weight, bias, x.shape[0], x.shape[1], count, groups, eps
    )
    return out, mean, rstd


def group_norm_vjp(
    gradient: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor, groups: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cotangents of `x`, `weight` and `bias`."""
    x, gradient, count = x.contiguous(), gradient.contiguous(), x.shape[2] * x.shape[3]
    mask = [True, True, True]
    by_x, by_weight, by_bias = aten.native_group_norm_backward(
        gradient, x, mean, rstd, weight, x.shape[0], x.shape[1], count, groups, mask
    )
    return by_x, by_weight, by_bias


def mean_vjp(gradient: Tensor, x: Tensor, along: Sequence[int]) -> Tensor:
    """Return the cotangent of `x` for that of its mean, which is without the axes `along`."""
    count = math.prod([x.shape[axis] for axis in along])  # Dynamo takes no generator
    for axis in sorted(along):
        gradient = gradient.unsqueeze(axis)
    return torch.empty_like(x).copy_(gradient / count)


_KEPT = 1 << 20
"""Numbers of a table that is kept: layers share it, and each would launch a dozen for it."""


def _angles(
    time: int, half: int, direction: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the angles of `rotate_pairs`, [T, D/2] each."""
    exponent = torch.arange(half, device=device, dtype=torch.float32) / half
    position = torch.arange(time, device=device, dtype=torch.float32)
    angle = position[:, None] * torch.pow(10000.0, -exponent)
    return angle.cos().to(dtype), (direction * angle.sin()).to(dtype)


@lru_cache(maxsize=8)
def _kept_angles(
    time: int, half: int, direction: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False):
        return _angles(time, half, direction, dtype, device)


def rotate_pairs(x: Tensor, direction: int) -> Tensor:
    """Rotate feature i with feature i + D/2 by ``position * 10000**(-2i/D)``; x is [B, H, T, D].

    `direction` -1 rotates back, which is also the VJP: the map is orthogonal.
    Source: Su et al., "RoFormer" (2021), section 3.2.2, in the half-split layout.
    """
    time, half = x.shape[-2], x.shape[-1] // 2
    plain = type(x) is Tensor and not torch.compiler.is_compiling()
    table = _kept_angles if plain and time * half <= _KEPT else _angles
    cos, sin = table(time, half, direction, x.dtype, x.device)
    left, right = x[..., :half], x[..., half:]
    return torch.cat((left * cos - right * sin, right * cos + left * sin), -1)


def embedding_vjp(gradient: Tensor, index: Tensor, size: int) -> Tensor:
    """Return the cotangent of an embedding table of `size` rows."""
    return aten.embedding_dense_backward(gradient, index, size, -1, False)


def whole(label: Tensor) -> Tensor:
    """Return labels as integers, which booleans may stand for."""
    return label.to(torch.int64) if label.dtype == torch.bool else label
