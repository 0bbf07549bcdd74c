"""Keeping the lower part of a stack off the device: in host memory or in a file.

A store is itself a stack, of blocks of ``block`` full rows int16 [block, N]. Writing happens in
the background; ``take`` gives the last block and starts to fetch the one before it, so that a
backward pass finds its words waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from revc.runtime.bits.copies import Copies, Parcel, copies_for
from revc.runtime.bits.errors import LaneError


class SpillStore(Protocol):
    """What ``BitStack.spill_to`` takes: a stack of blocks int16 [block, N], N lanes wide."""

    block: int
    """Rows in a block."""

    @property
    def rows(self) -> int:
        """How many rows it holds, a multiple of ``block``."""

    def put(self, rows: Tensor) -> None:
        """Append a block int16 [block, N]; the caller may overwrite its memory at once."""

    def take(self, device: torch.device) -> Tensor:
        """Remove the last block and give it as int16 [block, N] on ``device``.

        It is to be read before the next call.
        """

    def blocks(self) -> list[Tensor]:
        """All blocks from the floor up, on the CPU, without removing them."""

    def mark(self, snapshot: Callable[[], Tensor]) -> None:
        """Record the rest of the stack, as ``flat.pack`` packs it, if the store is to survive."""

    def flush(self) -> None:
        """Wait until all that was put is kept; SpillError if it is not."""

    def close(self) -> None:
        """Drop all blocks and free what holds them."""


BLOCK_BYTES = 1 << 21
"""What a block is about: long enough for a bus to run at its speed, short beside a device."""


def block_for(lanes: int) -> int:
    """Rows of a block for a stack of ``lanes`` lanes in all, in [2, 1024]."""
    return min(1024, max(2, BLOCK_BYTES // (2 * max(1, lanes))))


class HostSpill:
    """Blocks of ``block`` rows in host memory; from CUDA pinned, and copied beside the computation.

    ``copies`` is what takes them there and back, by default what the device of the first block
    asks for.

    Raises:
        LaneError: a block of fewer than 2 rows.
    """

    def __init__(self, block: int = 1024, copies: Copies[Any] | None = None) -> None:
        if block < 2:
            raise LaneError(f"a block has at least 2 rows, not {block}")
        self.block = block
        self._copies = copies
        self._held: list[Parcel[Any]] = []

    @property
    def rows(self) -> int:
        """How many rows it holds, a multiple of ``block``."""
        return self.block * len(self._held)

    def on_device(self) -> int:
        """Bytes of the stack's device that blocks pass through on their way."""
        return self._copies.held() if self._copies else 0

    def put(self, rows: Tensor) -> None:
        """Append a block int16 [block, N]; the caller may overwrite its memory at once."""
        self._held.append(self._for(rows.device).out(rows))

    def take(self, device: torch.device) -> Tensor:
        """Remove the last block and give it as int16 [block, N] on ``device``.

        Raises:
            IndexError: there is none.
        """
        if not self._held:
            raise IndexError("take from an empty store")
        copies = self._for(device)
        rows = copies.back(self._held.pop())
        if self._held:
            copies.call(self._held[-1])
        return rows

    def blocks(self) -> list[Tensor]:
        """All blocks from the floor up, on the CPU, without removing them."""
        return [self._copies.on_host(parcel) for parcel in self._held] if self._copies else []

    def mark(self, snapshot: Callable[[], Tensor]) -> None:
        """Nothing outlives the process here, so there is nothing to mark."""

    def flush(self) -> None:
        """Blocks are kept as they are put."""

    def close(self) -> None:
        """Drop all blocks, also one that is on its way."""
        self._held = []

    def _for(self, device: torch.device) -> Copies[Any]:
        self._copies = self._copies or copies_for(device)
        return self._copies
