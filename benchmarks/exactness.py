"""Whether inputs come back bit for bit, and how far gradients are from plain autograd's."""

import torch
from torch import Tensor

from benchmarks.arms import Arm, build
from benchmarks.nets import Size, layers, streams
from benchmarks.oracle import replay, trajectory


def rebuilt(arm: str, layers: int, scale: float = 1.0, dtype: str = "float32") -> int:
    """Return how many elements of the inputs do not come back from the outputs bit for bit."""
    return differing(build(arm, Size(layers), scale, getattr(torch, dtype)))


def differing(arm: Arm) -> int:
    """Return how many elements of the inputs do not come back from the outputs bit for bit."""
    back = arm.module.inverse(arm.call())  # type: ignore[operator]
    pairs = zip(back, arm.leaves, strict=True)
    return sum(int((x.view(torch.int32) != y.view(torch.int32)).sum()) for x, y in pairs)


def error_of_peer(arm: str, layers: int, scale: float = 1.0, dtype: str = "float32") -> float:
    """Return a peer's gradient error against plain autograd of the same nets in `dtype`."""
    size, precision = Size(layers), getattr(torch, dtype)
    built, plain = (build(name, size, scale, precision) for name in (arm, "plain"))
    return _worst(_weight_gradients(built), _weight_gradients(plain))


def error_of_exact(arm: str, layers: int, scale: float = 1.0, dtype: str = "float32") -> float:
    """Return revc's gradient error against float64 autograd over the same lattice forward."""
    built = build(arm, Size(layers), scale, getattr(torch, dtype))
    return _worst(_weight_gradients(built), _replayed(layers, scale, dtype, "float64"))


def error_of_autograd(layers: int, scale: float = 1.0, dtype: str = "float32") -> float:
    """Return how far autograd in `dtype` is from float64's over the same lattice forward."""
    ours = _replayed(layers, scale, dtype, dtype)
    return _worst(ours, _replayed(layers, scale, dtype, "float64"))


def _replayed(depth: int, scale: float, dtype: str, precision: str) -> list[Tensor]:
    """Return the gradients in `precision` over the states that nets of `dtype` give."""
    size = Size(depth)
    a, b = streams(size)
    states = trajectory(layers(size, scale, getattr(torch, dtype)), a, b)
    stack = layers(size, scale, getattr(torch, dtype))
    for layer in stack:
        layer.to(getattr(torch, precision))
    _pull_back(replay(stack, states, a, b))
    return [_gradient(weight) for layer in stack for weight in layer.parameters()]


def _weight_gradients(arm: Arm) -> list[Tensor]:
    out = arm.outputs()
    halves = out[0].chunk(2, 2) if len(out) == 1 else (out[0], out[1])
    _pull_back(halves)
    return [_gradient(w) for w in arm.weights]


def _pull_back(outputs: tuple[Tensor, ...]) -> None:
    """Run backward from the same random cotangents in every arm."""
    generator = torch.Generator().manual_seed(2)
    pulls = [torch.randn(o.shape, generator=generator) for o in outputs]
    torch.autograd.backward(outputs, [w.to(o.dtype) for w, o in zip(pulls, outputs, strict=True)])


def _gradient(weight: Tensor) -> Tensor:
    assert weight.grad is not None, "every weight takes part"
    return weight.grad.double()


def _worst(ours: list[Tensor], reference: list[Tensor]) -> float:
    """Return the largest relative error, by norm, of any tensor."""
    pairs = zip(ours, reference, strict=True)
    return max(float((x - y).norm() / y.norm()) for x, y in pairs)
