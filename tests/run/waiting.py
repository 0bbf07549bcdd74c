"""What a device's host looks at, counted on a device that is played on the CPU.

Whatever brings a value from the device to the host makes the host wait for all that was queued
before; so does a copy from ordinary memory to the device.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from revc.runtime.bits import host
from tests.played import Played

LOOKS = ("item", "tolist", "__bool__", "__int__", "__float__", "__index__", "nonzero", "equal")
"""Methods of a tensor that give its values to the host."""

MOVES = ("to", "cpu", "cuda", "copy_")
"""Methods that may copy a tensor from one to the other."""


@contextmanager
def looks(device: Played) -> Iterator[Counter[str]]:
    """Count, by place, what the host asks of the device and what it gives it."""
    found: Counter[str] = Counter()
    with ExitStack() as stack:
        for name in LOOKS:
            stack.enter_context(patch.object(Tensor, name, _looking(name, device, found)))
        for name in MOVES:
            stack.enter_context(patch.object(Tensor, name, _moving(name, device, found)))
        stack.enter_context(patch.object(Tensor, "__getitem__", _indexed(device, found)))
        for name in ("tensor", "as_tensor"):
            stack.enter_context(patch.object(torch, name, _making(name, device, found)))
        yield found


@contextmanager
def captured() -> Iterator[None]:
    """Say that a CUDA graph records what runs on a device."""
    with patch.object(host, "captures", lambda device: device.type == "cuda"):
        yield


def _looking(name: str, device: Played, found: Counter[str]) -> Any:
    function = getattr(Tensor, name)

    def call(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        if device.holds(value):
            found[f"{name} in {_place()}"] += 1
        return function(value, *args, **kwargs)

    return call


def _moving(name: str, device: Played, found: Counter[str]) -> Any:
    function = getattr(Tensor, name)

    def call(value: Tensor, *args: Any, **kwargs: Any) -> Any:
        before = device.holds(args[0] if name == "copy_" else value)
        out = function(value, *args, **kwargs)
        if device.holds(out) != before and not kwargs.get("non_blocking"):
            found[f"{name} in {_place()}"] += 1
        return out

    return call


def _making(name: str, device: Played, found: Counter[str]) -> Any:
    function = getattr(torch, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        out = function(*args, **kwargs)
        if device.holds(out):
            found[f"{name} in {_place()}"] += 1
        return out

    return call


def _indexed(device: Played, found: Counter[str]) -> Any:
    function = Tensor.__getitem__

    def call(value: Tensor, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Tensor) and part.dtype == torch.bool for part in parts):
            found[f"mask in {_place()}"] += 1
        return function(value, index)

    return call


def _place() -> str:
    """Return the caller's file and function."""
    frame = sys._getframe(2)
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name}:{frame.f_code.co_name}"
