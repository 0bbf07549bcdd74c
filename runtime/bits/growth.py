"""How full the lanes can be at most and at least, without asking the device.

On the CPU the exact numbers are at hand. On an accelerator reading them would stop the host, so
the host keeps bounds: every call widens them by the most it can move, and a copy of the true
extremes that is already under way tightens them whenever it happens to have arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from revc.runtime.bits import host


class Arrival(Protocol):
    """When a copy to the host is there: an event of a CUDA stream."""

    def query(self) -> bool:
        """Whether it is there."""

    def synchronize(self) -> None:
        """Wait until it is."""


@dataclass
class Snapshot:
    """Extremes of ``fill`` on their way to the host, and what was moved since they were taken."""

    values: Tensor
    done: Arrival
    stored: int = 0
    taken: int = 0
    moved: int = 0


def snapshot(fill: Tensor) -> Snapshot:
    """Ask for the extremes of ``fill`` as the device will have it when it has come that far."""
    values = torch.empty(2, dtype=torch.int64, pin_memory=True, device="cpu")
    values.copy_(torch.stack(torch.aminmax(fill)), non_blocking=True)
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(fill.device))
    return Snapshot(values, done)


@dataclass
class FillBounds:
    """Bounds on the words that any lane holds in memory."""

    high: int = 0
    low: int = 0
    pending: Snapshot | None = field(default=None, repr=False)

    def widen(self, stored: int, taken: int) -> None:
        """Any lane may have stored up to ``stored`` words and given up to ``taken``."""
        self.high += stored
        self.low = max(0, self.low - taken)
        if self.pending:
            self.pending.stored += stored
            self.pending.taken += taken

    def moved(self, rows: int) -> None:
        """``rows`` rows came in from (or, negative, went out to) a spill store."""
        self.high += rows
        self.low += rows
        if self.pending:
            self.pending.moved += rows

    def observe(self, fill: Tensor, wait: bool = False) -> None:
        """Tighten the bounds by what is known of ``fill`` without waiting for all of a device.

        With ``wait`` the host waits for what it asked for at an earlier look, if it did: not for
        what it has given the device since.
        """
        if fill.numel() == 0:
            self.high = self.low = 0
        elif host.captures(fill.device):
            return  # an event that is asked for now, or a copy to the host, would end the capture
        elif not host.waits(fill.device):
            low, high = torch.aminmax(fill)
            self.low, self.high = int(low), int(high)
        else:
            self._collect(wait)
            if self.pending is None:
                self.pending = snapshot(fill)

    def settle(self, fill: Tensor) -> None:
        """Make the bounds exact, waiting for the device if need be."""
        self.pending = None
        self.observe(fill.cpu())

    def _collect(self, wait: bool = False) -> None:
        found = self.pending
        if found is None:
            return
        if wait:
            found.done.synchronize()
        elif not found.done.query():
            return
        low, high = found.values.tolist()
        self.high = min(self.high, high + found.stored + found.moved)
        self.low = max(self.low, low - found.taken + found.moved)
        self.pending = None
