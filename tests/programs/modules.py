"""Torch modules that fill the holes of random programs: each from [.., n] to [.., n]."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """A module with modules inside, a buffer, and a parameter that is used twice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.map = nn.Linear(width, width)
        self.register_buffer("shift", torch.linspace(-0.5, 0.5, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.map(torch.tanh(self.map(self.norm(x)))) + self.shift)


class Plain(nn.Module):
    """Parameters of its own, and none in submodules."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) * 0.4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x @ self.weight)


MODULES: tuple[Callable[[int], Callable[[], nn.Module]], ...] = (
    lambda width: lambda: nn.Linear(width, width),
    lambda width: lambda: nn.Sequential(nn.Linear(width, 3), nn.Tanh(), nn.Linear(3, width)),
    lambda width: lambda: Residual(width),
    lambda width: lambda: Plain(width),
)
