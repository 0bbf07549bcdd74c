"""A stack made of the reference's lanes, to compare the back ends with."""

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.reference import Lane, scale, unscale
from revc.runtime.bits.window import interval, window_of


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

    def push_window(
        self, family: str, symbols: Tensor, *parameters: Tensor, bounded: bool = False
    ) -> None:
        found = interval(family, symbols, *parameters, bounded=bounded)
        for b, e, lane in self.walk(symbols.shape[1]):
            for value, base in (found.lower, found.upper):
                lane.push_uniform(int(value[b, e]), int(base[b, e]))
            lane.push(int(found.start[b, e]), int(found.freq[b, e]))

    def pop_window(self, family: str, *parameters: Tensor, bounded: bool = False) -> Tensor:
        """Search by trial: the symbol whose interval holds the point, or the escape."""
        shape = parameters[1].shape[:2]
        out = torch.zeros(tuple(shape), dtype=torch.int64)
        for b, e, lane in self.walk(shape[1], backwards=True):
            own = [p[b : b + 1, e] for p in parameters]
            out[b, e] = self.pop_one(lane, family, own, bounded)
        return out

    def pop_one(self, lane: Lane, family: str, own: list[Tensor], bounded: bool) -> int:
        """Pop one symbol under parameters [1, C]."""
        centre = int(own[1][0, 0] >> 8)
        base = interval(family, torch.tensor([centre]), *own)
        width = int(base.lower[1]) * int(base.upper[1])
        values = torch.arange(-300, 300) * width + centre // width * width
        values = values[(values >= -(1 << 31)) & (values < 1 << 31)]
        grid = [p.expand(len(values), -1) for p in own]
        low, high = window_of(family, *grid[1:]).ends()
        inside = (values >= low) & (values <= high)
        found = interval(family, values, *grid, bounded=bounded)
        table = {int(v): (int(s), int(f)) for v, s, f, i in
                 zip(values, found.start, found.freq, inside, strict=True) if i}  # fmt: skip
        end = max(table) + width if table else 0

        def find(point: int) -> tuple[int, int, int]:
            for v, (s, f) in table.items():
                if s <= point < s + f:
                    return v, s, f
            return end, 65535, 1

        value = lane.pop(find)
        outside = (1 << 32) - len(table) * width
        if value == end:
            upper = lane.pop_uniform(outside + 0xFFFF >> 16)
            lower = lane.pop_uniform(min(outside - (upper << 16), 1 << 16))
            value = end + (upper << 16) + lower & 0xFFFFFFFF
            return value - (value >> 31 << 32)
        bits = width.bit_length() - 1
        upper = lane.pop_uniform(1 << max(bits - 16, 0))
        return value + (upper << 16) + lane.pop_uniform(1 << min(bits, 16))

    def push_floats(self, classes: Tensor, rank: Tensor, room: Tensor, start: Tensor) -> None:
        bounds = [*start.tolist(), 65536]
        for b, e, lane in self.walk(classes.shape[1]):
            lane.push_uniform(int(rank[b, e]), int(room[b, e]))
            c = int(classes[b, e])
            lane.push(bounds[c], bounds[c + 1] - bounds[c])

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

    def digest(self, stack: BitStack) -> str:
        """SHA-256 of the flat buffer of these lanes, laid out as ``bits.flat`` says."""
        lanes = [lane for row in self.rows for lane in row]
        owing = any(lane.debt for lane in lanes)
        out = struct.pack(
            "<IIBBHQ", self.lanes, len(self.rows), stack.mode.low, owing, 0, stack.seed
        )
        out += b"".join(lane.head.to_bytes(6, "little") for lane in lanes)
        out += b"".join(struct.pack("<I", len(lane.words)) for lane in lanes)
        out += b"".join(struct.pack("<Q", lane.debt) for lane in lanes) if owing else b""
        out += b"".join(struct.pack("<H", word) for lane in lanes for word in lane.words)
        return hashlib.sha256(out).hexdigest()


def assert_same(stack: BitStack, mirror: Mirror) -> None:
    """Heads, words and debts agree, lane for lane."""
    state = stack.engine.state
    for i, lane in enumerate(lane for row in mirror.rows for lane in row):
        held = int(state.fill[i])
        words = (state.words[1 : held + 1, i].long() & 0xFFFF).tolist()
        found = (int(state.heads[i]), words, int(state.debt[i]))
        assert found == (lane.head, lane.words, lane.debt), f"lane {i}"
