"""Findings that nobody reads as a pass ends: those of passes that a CUDA graph replays.

A graph replays kernels and no Python. So a captured pass adds its findings to a row of numbers that
no graph owns, the worst of all replays, and `verify` reads the rows when it is called.
"""

import threading
from typing import Any, NamedTuple

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits import host
from revc.runtime.findings import Findings

_NEVER, _DONE = float("-inf"), 1.0
"""The first number of a row: whether a replay has added to the others."""


class Key(NamedTuple):
    """Which row a pass adds to: its part of a step, and how many numbers of which device."""

    part: str
    size: int
    device: torch.device


class Deferred:
    """The rows of a model, made by its passes outside of graphs and read by `verify`."""

    def __init__(self) -> None:
        self._rows: dict[Key, Tensor] = {}
        self._found: dict[Key, Findings] = {}
        self._lock = threading.Lock()

    def settle(self, part: str, found: Findings) -> bool:
        """Read and judge what a pass has found, or keep it if the pass is captured by a graph.

        Returns whether it was read.

        Raises:
            BindError: the pass is captured, and has not run before.
        """
        row = found.row()
        if row is None:
            return True
        if host.captures(row.device):
            self.keep(part, found, row)
            return False
        if host.waits(row.device):
            self.make_room(part, row)
        found.judge(row.tolist())
        return True

    def make_room(self, part: str, row: Tensor) -> None:
        """Make a row for the findings that a pass leaves, if there is none.

        Within a capture it would lie in memory of the graph, and begin with whatever is there.
        """
        key = _key(part, row)
        with self._lock:
            if key not in self._rows:
                with torch.inference_mode(False):  # later passes write to it in other modes
                    empty = torch.full((1 + key.size,), _NEVER, dtype=row.dtype, device=row.device)
                self._rows[key] = empty

    def keep(self, part: str, found: Findings, row: Tensor) -> None:
        """Let a captured pass add what it found to its row.

        Raises:
            BindError: no such pass ran before the capture.
        """
        key = _key(part, row)
        with self._lock:
            known = self._rows.get(key)
            if known is None:
                raise BindError(
                    f"the {part} pass is captured by a CUDA graph and has not run before: run a "
                    "whole step outside of the graph first, as torch.cuda.graph asks"
                )
            known[0].fill_(_DONE)
            torch.maximum(known[1:], row, out=known[1:])
            self._found[key] = found

    def verify(self) -> None:
        """Read and judge what all replays since the last time have found; waits for the device."""
        with self._lock:
            kept = [(self._rows[key], found) for key, found in self._found.items()]
            values = [row.tolist() for row, _ in kept]
            for row, _ in kept:
                row.fill_(_NEVER)
        for (_, found), numbers in zip(kept, values, strict=True):
            if numbers[0] == _DONE:
                found.judge(numbers[1:])

    def __deepcopy__(self, memo: Any) -> "Deferred":
        return Deferred()  # a copy of a model is in no graph

    def __reduce__(self) -> Any:
        return Deferred, ()


def _key(part: str, row: Tensor) -> Key:
    return Key(part, row.numel(), row.device)
