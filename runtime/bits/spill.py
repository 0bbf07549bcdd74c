"""Keeping the lower part of a stack off the device: in host memory or in a file.

A store is itself a stack, of blocks of ``block`` full rows int16 [block, N]. Writing happens in
the background; ``take`` gives the last block and starts to fetch the one before it, so that a
backward pass finds its words waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

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
        """Remove the last block and give it as int16 [block, N] on ``device``."""

    def blocks(self) -> list[Tensor]:
        """All blocks from the floor up, on the CPU, without removing them."""

    def mark(self, snapshot: Callable[[], Tensor]) -> None:
        """Record the rest of the stack, as ``flat.pack`` packs it, if the store is to survive."""

    def flush(self) -> None:
        """Wait until all that was put is kept; SpillError if it is not."""

    def close(self) -> None:
        """Drop all blocks and free what holds them."""


class HostSpill:
    """Blocks of ``block`` rows in host memory; from CUDA pinned, and copied beside the computation.

    Raises:
        LaneError: a block of fewer than 2 rows.
    """

    def __init__(self, block: int = 1024) -> None:
        if block < 2:
            raise LaneError(f"a block has at least 2 rows, not {block}")
        self.block = block
        self._held: list[tuple[Tensor, torch.cuda.Event | None]] = []
        self._ahead: tuple[Tensor, torch.cuda.Event] | None = None
        self._stream: torch.cuda.Stream | None = None

    @property
    def rows(self) -> int:
        """How many rows it holds, a multiple of ``block``."""
        return self.block * (len(self._held) + int(self._ahead is not None))

    def put(self, rows: Tensor) -> None:
        """Append a block int16 [block, N]; the caller may overwrite its memory at once."""
        self._return_ahead()
        if rows.device.type != "cuda":
            self._held.append((rows.clone(), None))
            return
        self._stream = self._stream or torch.cuda.Stream(rows.device)
        kept = rows.clone()
        self._stream.wait_stream(torch.cuda.current_stream(rows.device))
        with torch.cuda.stream(self._stream):
            host = torch.empty(kept.shape, dtype=kept.dtype, pin_memory=True, device="cpu")
            host.copy_(kept, non_blocking=True)
            kept.record_stream(self._stream)
            done = torch.cuda.Event()
            done.record()
        self._held.append((host, done))

    def take(self, device: torch.device) -> Tensor:
        """Remove the last block and give it as int16 [block, N] on ``device``.

        Raises:
            IndexError: there is none.
        """
        if device.type != "cuda":
            return self._held.pop()[0]
        if self._ahead is None:
            self._fetch(device)
        if self._ahead is None:
            raise IndexError("take from an empty store")
        rows, ready = self._ahead
        self._ahead = None
        torch.cuda.current_stream(device).wait_event(ready)
        rows.record_stream(torch.cuda.current_stream(device))
        self._fetch(device)
        return rows

    def blocks(self) -> list[Tensor]:
        """All blocks from the floor up, on the CPU, without removing them."""
        self._return_ahead()
        for _, done in self._held:
            if done:
                done.synchronize()
        return [rows for rows, _ in self._held]

    def mark(self, snapshot: Callable[[], Tensor]) -> None:
        """Nothing outlives the process here, so there is nothing to mark."""

    def flush(self) -> None:
        """Blocks are kept as they are put."""

    def close(self) -> None:
        """Drop all blocks, also one that is on its way."""
        self._held, self._ahead = [], None

    def _fetch(self, device: torch.device) -> None:
        """Start to copy the last block to ``device``."""
        if not self._held:
            return
        self._stream = self._stream or torch.cuda.Stream(device)
        host, _ = self._held.pop()
        with torch.cuda.stream(self._stream):
            rows = host.to(device, non_blocking=True)
            ready = torch.cuda.Event()
            ready.record()
        self._ahead = rows, ready

    def _return_ahead(self) -> None:
        """Put a block that was fetched too early back in its place."""
        if self._ahead:
            rows, ready = self._ahead
            ready.synchronize()
            self._held.append((rows.cpu().pin_memory(), None))
            self._ahead = None
