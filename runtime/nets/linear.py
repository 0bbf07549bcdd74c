"""Affine maps, tables and learned tensors."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets.base import Net
from revc.runtime.nets.cross_entropy import cross_entropy


class Linear(Net):
    """``x W' + b`` on the last axis: [.., n] to [.., out].

    With a `tied` net the weight is that net's table and this one holds at most a bias.
    """

    def __init__(self, n: int, out: int, bias: bool = True, tied: bool = False) -> None:
        super().__init__()
        self.n, self.out = n, out
        if not tied:
            self.weight = nn.Parameter(uniform(out, n))
        if bias:
            self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor, tied: Tensor | None = None) -> Tensor:
        """Return the image, [.., out], of `x`, [.., n]; `tied` is the borrowed weight, [out, n]."""
        weight = self.weight if tied is None else tied
        return functional.linear(x, weight, getattr(self, "bias", None))


class Gate(Linear):
    """A linear map meant for ``sigmoid``: its bias starts at 4, so that the gate starts near 1."""

    def __init__(self, n: int, out: int) -> None:
        super().__init__(n, out)
        nn.init.constant_(self.bias, 4.0)


class Embedding(Net):
    """A row of `out` numbers for each of `size` labels: [..] to [.., out]."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size, out) * 0.02)

    def forward(self, index: Tensor) -> Tensor:
        """Return the rows, [.., out], of the int64 labels `index`, [..]."""
        return functional.embedding(index, self.weight)


class Parameter(Net):
    """A learned tensor that reads nothing; starts normal with standard deviation `init`."""

    def __init__(self, shape: tuple[int, ...], init: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * init)

    def forward(self) -> Tensor:
        """Return the tensor itself, of the shape that it was made with."""
        return self.weight


class CrossEntropy(Net):
    """Mean cross-entropy in nats under ``softmax(x W')``; never holds all logits at once."""

    def __init__(self, n: int, out: int, chunk: int = 256, tied: bool = False) -> None:
        super().__init__()
        self.chunk = chunk
        if not tied:
            self.weight = nn.Parameter(uniform(out, n))

    def forward(self, x: Tensor, targets: Tensor, tied: Tensor | None = None) -> Tensor:
        """Return the mean over all positions, 0-dim; x is [.., n], targets [..]."""
        weight = self.weight if tied is None else tied
        return cross_entropy(x, targets, weight, None, self.chunk)


def uniform(*shape: int) -> Tensor:
    """Return weights uniform in +-1/sqrt(fan in), as torch's own layers start."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return torch.empty(shape).uniform_(-bound, bound)
