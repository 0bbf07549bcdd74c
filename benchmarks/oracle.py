"""Training on the lattice in plain torch: what revc's gradients are checked against.

It shares no code with revc. The forward pass is the lattice's; each rounding is straight-through.
"""

import torch
from torch import Tensor

from benchmarks.nets import Layer

UNIT = 2.0**-20  # of the lattice Q12.20
TOP = 2**31 - 128  # the largest float32 that an int32 can hold


def encode(value: Tensor) -> Tensor:
    """Return the nearest lattice point as int32: halves to the even one, clamped at the ends."""
    return (value.double() / UNIT).round().clamp(-(2**31), TOP).to(torch.int32)


def decode(raw: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the value of a lattice point, by way of float32 unless `dtype` is float64."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return (raw.to(wide) * UNIT).to(dtype)


def trajectory(stack: list[Layer], a: Tensor, b: Tensor) -> list[Tensor]:
    """Return the raw states a0, b0, a1, b1 and so on of the forward pass."""
    dtype = stack[0].f.qkv.weight.dtype
    states = [encode(a), encode(b)]
    for layer in stack:
        for net in (layer.f, layer.g):
            # With gradients on: some kernels give other bits without.
            read = decode(states[-1], dtype).requires_grad_()
            states.append(states[-2] + encode(net(read).detach()))
    return states


def replay(stack: list[Layer], states: list[Tensor], a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return (a, b) after all layers, differentiable, with the values that `states` prescribes.

    `stack` may be in another precision than the one whose states these are.
    """
    dtype = stack[0].f.qkv.weight.dtype
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    values = [decode(raw, wide) for raw in states]
    older, newer = _with_gradient(values[0], a.to(wide)), _with_gradient(values[1], b.to(wide))
    nets = [net for layer in stack for net in (layer.f, layer.g)]
    for net, value in zip(nets, values[2:], strict=True):
        older, newer = newer, _with_gradient(value, older + net(newer.to(dtype)).to(wide))
    return older, newer


def _with_gradient(value: Tensor, path: Tensor) -> Tensor:
    """Return `value` with the gradient of `path`."""
    return value + (path - path.detach())
