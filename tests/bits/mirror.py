"""A stack made of the reference's lanes, to compare the back ends with."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.reference import Lane, scale, unscale
from revc.runtime.bits.window import interval


class Mirror:
    """The same lanes as ``stack``, in plain Python."""

    def __init__(self, stack: BitStack) -> None:
        self.lanes, low = stack.lanes, stack.mode.low
        self.rows = [
            [Lane(stack.seed, b * stack.lanes + j, low) for j in range(stack.lanes)]
            for b in range(stack.sequences)
        ]

    def walk(self, elements: int, backwards: bool = False) -> Iterator[tuple[int, int, Lane]]:
        """(sequence, element, its lane) in coding order."""
        for b, row in enumerate(self.rows):
            order = range(elements)
            for e in reversed(order) if backwards else order:
                yield b, e, row[e % self.lanes]

    def push_cdf(self, symbols: Tensor, cdf: Callable[[int, int], Sequence[int]]) -> None:
        for b, e, lane in self.walk(symbols.shape[1]):
            bounds, s = cdf(b, e), int(symbols[b, e])
            lane.push(bounds[s], bounds[s + 1] - bounds[s])

    def pop_cdf(self, shape: tuple[int, int], cdf: Callable[[int, int], Sequence[int]]) -> Tensor:
        out = torch.zeros(shape, dtype=torch.int32)
        for b, e, lane in self.walk(shape[1], backwards=True):
            bounds = cdf(b, e)

            def find(point: int, bounds: Sequence[int] = bounds) -> tuple[int, int, int]:
                s = bisect_right(bounds, point) - 1
                return s, bounds[s], bounds[s + 1] - bounds[s]

            out[b, e] = lane.pop(find)
        return out

    def push_uniform(self, symbols: Tensor, n: Tensor) -> None:
        for b, e, lane in self.walk(symbols.shape[1]):
            lane.push_uniform(int(symbols[b, e]), int(n[b, e]))

    def pop_uniform(self, n: Tensor) -> Tensor:
        out = torch.zeros(n.shape, dtype=torch.int32)
        for b, e, lane in self.walk(n.shape[1], backwards=True):
            out[b, e] = lane.pop_uniform(int(n[b, e]))
        return out

    def push_window(self, family: str, symbols: Tensor, *parameters: Tensor) -> None:
        found = interval(family, symbols, *parameters)
        for b, e, lane in self.walk(symbols.shape[1]):
            for value, base in (found.lower, found.upper):
                lane.push_uniform(int(value[b, e]), int(base[b, e]))
            lane.push(int(found.start[b, e]), int(found.freq[b, e]))

    def scale(self, x: Tensor, n: Tensor, k: int) -> Tensor:
        out = x.clone()
        for b, e, lane in self.walk(x.shape[1]):
            out[b, e] = scale(lane, int(x[b, e]), int(n[b, e]), k)
        return out

    def unscale(self, y: Tensor, n: Tensor, k: int) -> Tensor:
        out = y.clone()
        for b, e, lane in self.walk(y.shape[1], backwards=True):
            out[b, e] = unscale(lane, int(y[b, e]), int(n[b, e]), k)
        return out


def assert_same(stack: BitStack, mirror: Mirror) -> None:
    """Heads, words and debts agree, lane for lane."""
    state = stack.engine.state
    for i, lane in enumerate(lane for row in mirror.rows for lane in row):
        held = int(state.fill[i])
        words = (state.words[1 : held + 1, i].long() & 0xFFFF).tolist()
        found = (int(state.heads[i]), words, int(state.debt[i]))
        assert found == (lane.head, lane.words, lane.debt), f"lane {i}"
