"""The bits of a stack as tensors: what a kernel reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from revc.runtime.bits.constants import Mode

_LARGEST = (1 << 63) - 1
_STRIDE = 0x1E3779B97F4A7C15
"""How far the seeds of two replays are apart: odd, so that 2**63 of them differ."""


@dataclass
class LaneState:
    """All lanes of one stack; N = sequences * lanes, lane ``j`` of sequence ``b`` is b*lanes + j.

    Row 0 of ``words`` is scratch; word i (counted from the floor, less what was spilled) of a lane
    is in row i + 1. Words are 16-bit patterns; torch keeps them as int16.
    """

    words: Tensor
    """int16 [capacity, N]."""
    heads: Tensor
    """int64 [N], in [2**low, 2**(low + 16))."""
    fill: Tensor
    """int64 [N]: words in memory above the floor."""
    debt: Tensor
    """int64 [N]: words taken from below the floor."""
    sequences: int
    lanes: int
    own_seed: int | None
    """The seed, None if replays of a CUDA graph change it."""
    mode: Mode
    key: Tensor = field(init=False)
    """int64 [1]: the seed, where kernels of a device read it."""

    def __post_init__(self) -> None:
        self.key = torch.full((1,), self.seed, dtype=torch.int64, device=self.heads.device)

    @property
    def seed(self) -> int:
        """In [0, 2**63); waits for the device if it is known there alone."""
        return int(self.key) if self.own_seed is None else self.own_seed

    def vary(self, turn: Tensor) -> None:
        """Let the seed depend on a number int64 [1], which a CUDA graph counts up as it replays."""
        self.key += turn * _STRIDE
        self.key &= _LARGEST
        self.own_seed = None

    @property
    def count(self) -> int:
        """Number of lanes in all."""
        return self.sequences * self.lanes

    @property
    def capacity(self) -> int:
        """Rows allocated, the scratch row included."""
        return self.words.shape[0]

    def resize(self, rows: int) -> None:
        """Have room for ``rows`` rows, more or fewer; those that are new are undefined."""
        words = torch.empty((rows, self.count), dtype=torch.int16, device=self.words.device)
        kept = min(rows, self.capacity)
        words[:kept] = self.words[:kept]
        self.words = words


def blank(sequences: int, lanes: int, seed: int, mode: Mode, device: torch.device) -> LaneState:
    """State of ``sequences * lanes`` lanes with undefined heads, no words and no debt."""
    count = sequences * lanes
    words = torch.zeros((4, count), dtype=torch.int16, device=device)
    heads, fill, debt = (torch.zeros(count, dtype=torch.int64, device=device) for _ in range(3))
    return LaneState(words, heads, fill, debt, sequences, lanes, seed, mode)
