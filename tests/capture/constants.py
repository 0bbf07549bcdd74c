"""A module whose code asks for all sorts of values that are no tensors."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

FACTOR = 1.0
FACTORS = [1.0]
INNER = 1.0
HELD = 1.0
UNREAD = 1.0


class Config:
    """A configuration with another in it, which looks up its attributes in its own way."""

    def __init__(self, factor: float, deep: bool = True) -> None:
        self.factor = factor
        self.inner = Config(1.0, deep=False) if deep else None

    def __getattribute__(self, name: str) -> object:
        return super().__getattribute__(name)


def helper(x: Tensor) -> Tensor:
    return x * INNER


def halved(x: Tensor) -> Tensor:
    return x * INNER * 0.5


def held(x: Tensor) -> Tensor:
    return x * HELD


class Asking(nn.Module):
    """A linear layer times ones from everywhere."""

    shared = 1.0

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(8, 8)
        self.number, self.nothing, self.not_a_number = 1.0, None, float("nan")
        self.items, self.table = [1.0], {"k": 1.0}
        self.config = Config(1.0)
        self.bound = partial(torch.mul, 1.0)
        self.held = held
        self.read, self.store = _closure()

    def forward(self, x: Tensor) -> Tensor:
        x = self.held(helper(self.linear(x))) * FACTOR * FACTORS[0] * self.shared * self.number
        x = self.bound(x) * self.table["k"] * self.config.factor * self.config.inner.factor
        for item in self.items:
            x = x * item
        return x * self.read() * (1.0 if self.nothing is None else self.nothing)


def _closure() -> tuple[Callable[[], float], Callable[[float], None]]:
    value = 1.0

    def read() -> float:
        return value

    def store(other: float) -> None:
        nonlocal value
        value = other

    return read, store
