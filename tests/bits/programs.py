"""Random programs over a stack, and their undoing."""

import random
from collections.abc import Callable

import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Categorical, Distribution, Gaussian, Logistic, Table, Uniform

Undo = Callable[[], Tensor | None]


class Program:
    """Steps drawn from a seed; every step returns what undoes it."""

    def __init__(self, stack: BitStack, seed: int) -> None:
        self.stack = stack
        self.random = random.Random(seed)
        self.torch = torch.Generator().manual_seed(seed)
        logits = torch.randn((stack.sequences, 5, 40), generator=self.torch)
        loc = torch.randn((stack.sequences, 11), generator=self.torch) * 50
        self.fixed: list[tuple[Distribution, int, tuple[int, ...]]] = [
            (Uniform(1000), 1000, (stack.sequences, 13)),
            (Uniform(1 << 20), 1 << 20, (stack.sequences, 6)),
            (Table.from_counts(torch.arange(30) ** 3), 30, (stack.sequences, 21)),
            (Categorical(logits), 40, (stack.sequences, 5)),
            (Logistic(loc, torch.exp(loc / 40)), 50, (stack.sequences, 11)),
            (Gaussian(loc, torch.exp(loc / 40)), 50, (stack.sequences, 11)),
        ]

    def integers(self, high: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(0, high, shape, generator=self.torch)

    def step(self) -> Undo:
        kind = self.random.choice(("push", "pop", "scale", "unscale"))
        stack = self.stack
        if kind in ("scale", "unscale"):
            x = self.integers(1 << 20, (stack.sequences, 9)).int() - (1 << 19)
            n, k = self.integers(1 << 12, x.shape) + 1, self.random.randrange(17)
            if kind == "scale":
                y = stack.scale(x, n, k)
                return lambda: self.same(stack.unscale(y, n, k), x)
            k = min(k, 10)
            y = stack.unscale(x, n, k)
            return lambda: self.same(stack.scale(y, n, k), x)
        distribution, alphabet, shape = self.random.choice(self.fixed)
        if kind == "push":
            symbols = self.integers(alphabet, shape)
            stack.push(symbols, distribution)
            return lambda: self.same(stack.pop(distribution, shape), symbols)
        drawn = stack.pop(distribution, shape)
        return lambda: stack.push(drawn, distribution)

    @staticmethod
    def same(found: Tensor, wanted: Tensor) -> None:
        assert torch.equal(found.long(), wanted.long())


def run_and_undo(stack: BitStack, steps: int, seed: int) -> list[str]:
    """Run ``steps`` steps and take them back; gives digests: before, in the middle, after."""
    program, digests = Program(stack, seed), [stack.digest()]
    undo = [program.step() for _ in range(steps)]
    digests.append(stack.digest())
    for back in reversed(undo):
        back()
    return [*digests, stack.digest()]
