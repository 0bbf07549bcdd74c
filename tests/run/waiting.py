"""A CPU that is taken for a device: what would make the host wait there is counted.

Every policy that spares a device's host is asked of `host.waits`; here it says yes of the CPU. What
then still asks for a value would stop the host on a device.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from revc.runtime.bits import host
from revc.runtime.bits.growth import FillBounds

LOOKS = ("item", "tolist", "__bool__", "__int__", "__float__", "__index__", "cpu", "nonzero")
"""Methods of a tensor that give its values to the host."""

TOKENS = {"engine_of", "session_of", "new_token", "number"}
"""Functions about tokens and seeds, which lie on the CPU everywhere."""


def pretend(patch: pytest.MonkeyPatch) -> None:
    """Let all that follows take the CPU for a device that has to be waited for."""
    patch.setattr(host, "waits", lambda device: True)
    # Fill levels come by copies that nobody waits for, and of which a CPU has none.
    patch.setattr(FillBounds, "_collect", lambda self: None)
    patch.setattr(FillBounds, "_request", lambda self, fill: None)


@contextmanager
def looks(patch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count, by place, what the host asks of tensors and what it makes of its own numbers."""
    found: Counter[str] = Counter()
    with patch.context() as here:
        for name in LOOKS:
            here.setattr(Tensor, name, _counted(getattr(Tensor, name), name, found))
        here.setattr(Tensor, "__getitem__", _indexed(Tensor.__getitem__, found))
        for name in ("tensor", "from_numpy"):
            here.setattr(torch, name, _counted(getattr(torch, name), name, found))
        yield found


def _counted(function: Any, name: str, found: Counter[str]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        place = _place()
        if place:
            found[f"{name} in {place}"] += 1
        return function(*args, **kwargs)

    return call


def _indexed(function: Any, found: Counter[str]) -> Any:
    def call(value: Tensor, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Tensor) and part.dtype == torch.bool for part in parts):
            found[f"mask in {_place()}"] += 1
        return function(value, index)

    return call


def _place() -> str:
    """Return the caller's file and function, none where a token or the CPU's coder is at work."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename == __file__:
        frame = frame.f_back  # type: ignore[assignment]
    name, path = frame.f_code.co_name, Path(frame.f_code.co_filename)
    if name in TOKENS or path.parent.name == "cpu" or name.endswith("on_cpu"):
        return ""
    return f"{path.parent.name}/{path.name}:{name}"


def pretend_capture(patch: pytest.MonkeyPatch) -> None:
    """Let all that follows believe that a CUDA graph records it."""
    patch.setattr(host, "captures", lambda device: True)
