"""How full the lanes can be at most and at least, without asking the device.

On the CPU the exact numbers are at hand. On an accelerator reading them would stop the host, so
the host keeps bounds: every call widens them by the most it can move, and a copy of the true
extremes that is already under way tightens them whenever it happens to have arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from revc.runtime.bits import host


@dataclass
class Snapshot:
    """Extremes of ``fill`` on their way to the host, and what was moved since they were taken."""

    values: Tensor
    done: torch.cuda.Event
    stored: int = 0
    taken: int = 0


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
        self.pending = None

    def observe(self, fill: Tensor) -> None:
        """Tighten the bounds by what is known of ``fill`` without waiting for a device."""
        if fill.numel() == 0:
            self.high = self.low = 0
        elif host.captures(fill.device):
            return  # an event that is asked for now, or a copy to the host, would end the capture
        elif not host.waits(fill.device):
            low, high = torch.aminmax(fill)
            self.low, self.high = int(low), int(high)
        else:
            self._collect()
            if self.pending is None:
                self._request(fill)

    def settle(self, fill: Tensor) -> None:
        """Make the bounds exact, waiting for the device if need be."""
        self.pending = None
        self.observe(fill.cpu())

    def _collect(self) -> None:
        if self.pending and self.pending.done.query():
            low, high = self.pending.values.tolist()
            self.high = min(self.high, high + self.pending.stored)
            self.low = max(self.low, low - self.pending.taken)
            self.pending = None

    def _request(self, fill: Tensor) -> None:
        values = torch.empty(2, dtype=torch.int64, pin_memory=True, device="cpu")
        values.copy_(torch.stack(torch.aminmax(fill)), non_blocking=True)
        done = torch.cuda.Event()
        done.record(torch.cuda.current_stream(fill.device))
        self.pending = Snapshot(values, done)
