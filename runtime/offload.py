"""Residuals that lie on the host between the forward and the backward pass of a segment.

Whole storages go there, each once, and tensors come back with their own shapes, strides and
offsets: kernels see what they would have seen, so results are the same bit for bit.

On CUDA the host's memory is pinned, and a stream of its own copies beside the computation. What is
copied is free at once by the allocator's books, and used again when the copy has ended. Elsewhere a
copy is made on the spot: on the CPU the memory is the same, but not torch's allocator's.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

_hosting: ContextVar[bool] = ContextVar("hosting", default=False)


def hosting() -> bool:
    """Say whether what this thread allocates now is the host's, which no budget counts."""
    return _hosting.get()


class _Place(NamedTuple):
    """A tensor among residuals: in which storage, and how it lies there."""

    storage: int
    dtype: torch.dtype
    size: torch.Size
    stride: tuple[int, ...]
    offset: int


class Fetched:
    """Residuals on their way back to the device."""

    def __init__(self, tree: Any, flat: list[Tensor], event: torch.cuda.Event | None) -> None:
        self._tree, self._flat, self._event = tree, flat, event

    def boxed(self) -> list[Any]:
        """Return them in lists that may be emptied, and let go of them."""
        if self._event is not None:
            torch.cuda.current_stream(self._flat[0].device).wait_event(self._event)
        boxed: list[Any] = _boxed(self._tree, self._flat)
        self._flat = []
        return boxed


class Offloaded:
    """The residuals of a segment of a run, on the host; what is no tensor stays as it is."""

    def __init__(self, kept: Any, reached: Iterable[Tensor]) -> None:
        """Move residuals; others can write to what is `reached`, so that is waited for."""
        self._numbers: dict[int, int] = {}
        self.host: list[Tensor] = []
        self._device: torch.device | None = None
        self._tree = self._moved(kept)
        if {_key(value) for value in reached} & {*self._numbers} and self._copies_beside:
            torch.cuda.current_stream(self._device).wait_stream(_stream(self._device))

    def fetch(self) -> Fetched:
        """Begin to copy them back, to memory of their own each time."""
        if not self._copies_beside:
            flat = [host.to(self._device, copy=True) for host in self.host]
            return Fetched(self._tree, flat, None)
        flat = [torch.empty_like(host, device=self._device) for host in self.host]
        side = _stream(self._device)
        side.wait_stream(torch.cuda.current_stream(self._device))  # the memory's last use
        with torch.cuda.stream(side):
            for there, host in zip(flat, self.host, strict=True):
                there.copy_(host, non_blocking=True)
        for there in flat:
            there.record_stream(side)  # it may be dropped before it is asked for
        return Fetched(self._tree, flat, side.record_event())

    @property
    def overlaps(self) -> bool:
        """Whether copies run beside what the device computes: only then they begin ahead of time.

        What comes ahead lies beside the residuals of the segment that runs meanwhile.
        """
        return self._device is not None and self._device.type == "cuda"

    @property
    def _copies_beside(self) -> bool:
        return self.overlaps and not isinstance(self.host[0], FakeTensor)

    def _moved(self, kept: Any) -> Any:
        if type(kept) is tuple:
            return tuple(self._moved(one) for one in kept)
        if not isinstance(kept, Tensor):
            return kept
        number = self._numbers.get(_key(kept))
        if number is None:
            number = self._numbers[_key(kept)] = len(self.host)
            self._device = kept.device
            with _on_host():
                self.host.append(_to_host(_whole(kept)))
        return _Place(number, kept.dtype, kept.shape, kept.stride(), int(kept.storage_offset()))


class OnHost(WeakValueDictionary[int, Offloaded]):
    """The residuals of a run on the host, by position, for as long as autograd's graph has them."""


def _key(value: Tensor) -> int:
    key: int = value.untyped_storage()._cdata
    return key


def _whole(value: Tensor) -> Tensor:
    """Return all bytes of the storage of a tensor, in a row."""
    count = value.untyped_storage().nbytes() // value.element_size()
    return value.detach().as_strided((count,), (1,), 0).view(torch.uint8)


def _to_host(flat: Tensor) -> Tensor:
    known = flat.device.type in ("cpu", "cuda") and flat.numel() > 0
    if isinstance(flat, FakeTensor) or not known:
        return flat.to("cpu", copy=True)
    if flat.device.type == "cpu":
        return torch.from_numpy(np.empty(flat.shape, np.uint8)).copy_(flat)
    host, side = torch.empty(flat.shape, dtype=flat.dtype, pin_memory=True), _stream(flat.device)
    side.wait_stream(torch.cuda.current_stream(flat.device))
    with torch.cuda.stream(side):
        host.copy_(flat, non_blocking=True)
    flat.record_stream(side)
    return host


@contextmanager
def _on_host() -> Iterator[None]:
    token = _hosting.set(True)
    try:
        yield
    finally:
        _hosting.reset(token)


@cache
def _stream(device: torch.device | None) -> torch.cuda.Stream:
    """Return the stream that copies from and to a device."""
    return torch.cuda.Stream(device)


def _boxed(tree: Any, flat: list[Tensor]) -> Any:
    if type(tree) is tuple:
        return [_boxed(one, flat) for one in tree]
    if not isinstance(tree, _Place):
        return tree
    whole = flat[tree.storage]
    count = whole.numel() - whole.numel() % tree.dtype.itemsize
    return whole[:count].view(tree.dtype).as_strided(tree.size, tree.stride, tree.offset)
