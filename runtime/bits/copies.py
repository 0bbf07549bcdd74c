"""Copies between a device and host memory, beside what the device computes.

A device works off its main line; a `Queue` is a second one. Neither makes the host wait: a *mark*
says when a job of the second line is done, and the main line waits for marks where it has to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

M = TypeVar("M")
SLOTS = 2
"""Blocks of a device that copies pass through: one is copied while the other is filled or read."""


class Queue(Protocol[M]):
    """A second line of work beside a device's main one."""

    device: torch.device

    def run(self, job: Callable[[], object], uses: Tensor) -> M:
        """Do a job on this line after all that the main line has been given so far; its mark.

        ``uses`` is memory of the device that must not be freed before.
        """

    def join(self, mark: M) -> None:
        """Let what the main line is given from now on wait for a mark."""

    def wait(self, mark: M) -> None:
        """Let the host wait for a mark."""

    def memory(self, like: Tensor) -> Tensor:
        """Host memory of a tensor's shape and dtype that copies can run beside the host from."""


class CudaQueue:
    """A stream of its own, and memory that is pinned."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device)

    def run(self, job: Callable[[], object], uses: Tensor) -> torch.cuda.Event:
        """Do a job on this line after all that the main line has been given so far; its mark."""
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            job()
            done = torch.cuda.Event()
            done.record(self._stream)
        uses.record_stream(self._stream)
        return done

    def join(self, mark: torch.cuda.Event) -> None:
        """Let what the main line is given from now on wait for a mark."""
        torch.cuda.current_stream(self.device).wait_event(mark)

    def wait(self, mark: torch.cuda.Event) -> None:
        """Let the host wait for a mark."""
        mark.synchronize()

    def memory(self, like: Tensor) -> Tensor:
        """Pinned memory of a tensor's shape and dtype."""
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True, device="cpu")


@dataclass
class Parcel(Generic[M]):
    """A block in host memory, or on its way there."""

    host: Tensor
    sent: M | None = None
    """When it is there; None for at once."""
    slot: Slot[M] | None = None
    """Where on the device it lies again, or is on its way to."""


@dataclass
class Slot(Generic[M]):
    """Memory of the device for one block."""

    rows: Tensor
    last: M | None = None
    """When the copy out of it, or into it, ends."""
    parcel: Parcel[M] | None = None
    """What was called into it."""


class Copies(Protocol[M]):
    """Takes blocks of one shape to host memory and back."""

    def out(self, rows: Tensor) -> Parcel[M]:
        """Start to copy ``rows`` out; they may be overwritten at once."""

    def call(self, parcel: Parcel[M]) -> object:
        """Start to copy a parcel back, which will be asked for soon."""

    def back(self, parcel: Parcel[M]) -> Tensor:
        """The rows of a parcel on the device, to be read before the next call."""

    def on_host(self, parcel: Parcel[M]) -> Tensor:
        """The rows of a parcel in host memory; waits until they are there."""

    def held(self) -> int:
        """Bytes of the device that copies pass through."""


class DirectCopies:
    """For blocks that lie in host memory anyway."""

    def out(self, rows: Tensor) -> Parcel[None]:
        """Copy ``rows``."""
        return Parcel(rows.clone())

    def call(self, parcel: Parcel[None]) -> None:
        """Nothing is on any way."""

    def back(self, parcel: Parcel[None]) -> Tensor:
        """The rows of a parcel."""
        return parcel.host

    def on_host(self, parcel: Parcel[None]) -> Tensor:
        """The rows of a parcel."""
        return parcel.host

    def held(self) -> int:
        """None: there is no device."""
        return 0


class StreamCopies(Generic[M]):
    """Copies on a second line, through ``SLOTS`` blocks of the device: it never holds more."""

    def __init__(self, queue: Queue[M]) -> None:
        self.queue = queue
        self._slots: list[Slot[M]] = []
        self._turn = 0

    def out(self, rows: Tensor) -> Parcel[M]:
        """Start to copy ``rows`` out; they may be overwritten at once."""
        slot, host = self._next(rows), self.queue.memory(rows)
        if slot.last is not None:
            self.queue.join(slot.last)
        slot.rows.copy_(rows)
        slot.last = self.queue.run(lambda: host.copy_(slot.rows, non_blocking=True), slot.rows)
        return Parcel(host, slot.last)

    def call(self, parcel: Parcel[M]) -> Slot[M]:
        """Start to copy a parcel back, which will be asked for soon; where it will lie."""
        if parcel.slot is None:
            slot = parcel.slot = self._next(parcel.host)
            slot.parcel = parcel
            slot.last = self.queue.run(
                lambda: slot.rows.copy_(parcel.host, non_blocking=True), slot.rows
            )
        return parcel.slot

    def back(self, parcel: Parcel[M]) -> Tensor:
        """The rows of a parcel on the device, to be read before the next call."""
        slot = self.call(parcel)
        if slot.last is not None:
            self.queue.join(slot.last)
        return slot.rows

    def on_host(self, parcel: Parcel[M]) -> Tensor:
        """The rows of a parcel in host memory; waits until they are there."""
        if parcel.sent is not None:
            self.queue.wait(parcel.sent)
        return parcel.host

    def held(self) -> int:
        """Bytes of the device that copies pass through."""
        return sum(slot.rows.nbytes for slot in self._slots)

    def _next(self, like: Tensor) -> Slot[M]:
        """The slot whose turn it is; what was called into it is in host memory alone again."""
        if len(self._slots) < SLOTS:
            memory = torch.empty(like.shape, dtype=like.dtype, device=self.queue.device)
            self._slots.append(Slot(memory))
        slot = self._slots[self._turn]
        self._turn = (self._turn + 1) % SLOTS
        if slot.parcel is not None:
            slot.parcel.slot = None
            slot.parcel = None
        return slot


def copies_for(device: torch.device) -> Copies[Any]:
    """What takes blocks of a device to host memory and back.

    Directly where the host has to wait for no device, or for one without streams that we know.
    """
    return StreamCopies(CudaQueue(device)) if device.type == "cuda" else DirectCopies()
