"""What a device would launch, counted on a device that is played on the CPU.

An operator that is no view and no allocation counts as one launch, which is what most take; a
kernel of ours that is played counts as the one that it is, whatever plays it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch.utils._pytree import tree_leaves

from revc.runtime.bits.gpu import grid
from revc.runtime.metered import device as valves
from revc.runtime.state import alloc_health, checksum, device, lattice
from tests import played
from tests.played import Played
from tests.run import valve_kernels

_ALLOCATIONS = {
    "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach", "alias",
    "_local_scalar_dense", "lift_fresh", "set_", "_unsafe_view", "resize_",
}  # fmt: skip


class Launches:
    """Counts by name; within a kernel of ours nothing else counts."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.inside = False

    def add(self, name: str) -> None:
        """Count a launch."""
        self.found[name] += not self.inside

    def kernel(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Count one launch for all that a function does."""
        self.add(name)
        before, self.inside = self.inside, True
        try:
            return function(*args)
        finally:
            self.inside = before

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts as a kernel."""
        return lambda *args: self.kernel(name, function, *args)


@contextmanager
def launches(here: Played) -> Iterator[Counter[str]]:
    """Count, by name, what is launched on the device."""
    count = Launches()
    dispatch = Played.__torch_dispatch__

    def counted(self: Played, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = dispatch(self, func, types, args, kwargs)
        if _launches(here, func, args, out):
            count.add(func._opname.rstrip("_"))
        return out

    with ExitStack() as stack:
        stack.enter_context(patch.object(Played, "__torch_dispatch__", counted))
        for name in ("run", "sizes", "floor_words"):
            wrapped = _method(count, name, getattr(played._TritonPlayed, name))
            stack.enter_context(patch.object(played._TritonPlayed, name, wrapped))
        for name in ("snapped", "kept"):
            own = count.wrapped(f"kernel {name}", getattr(grid, name))
            stack.enter_context(patch.object(grid, name, own))
        module = _state_kernels(count)
        stack.enter_context(
            patch.object(device, "_loaded", lambda: None if count.inside else module)
        )
        stack.enter_context(
            patch.object(valves, "_loaded", lambda name: valve_kernels.module(name, count))
        )
        yield count.found


def _launches(here: Played, func: Any, args: Any, out: Any) -> bool:
    """Say whether an operator works on the device."""
    if f"{func.namespace}::{func._opname}" in OPDEFS or func._opname in _ALLOCATIONS:
        return False
    returns = func._schema.returns
    if returns and all(r.alias_info is not None and not r.alias_info.is_write for r in returns):
        return False  # a view
    held = [x for x in tree_leaves((args, out)) if isinstance(x, Tensor) and x.numel()]
    return any(here.holds(x) for x in held)


def _method(count: Launches, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *args: Any) -> Any:
        what = args[0] if name == "run" else name
        return count.kernel(f"kernel {what}", function, self, *args)

    return call


def _state_kernels(count: Launches) -> Any:
    """What stands for `revc.runtime.state.kernels`."""

    def decode(raw: Tensor, bits: int, dtype: torch.dtype) -> Tensor:
        return count.kernel("kernel decode", lattice.decode, raw, bits, dtype)  # type: ignore[no-any-return]

    def add_(state: Tensor, value: Tensor, sign: int, bits: int, low: float, top: float) -> None:
        count.kernel("kernel add", lattice.add_, state, value, sign, bits)

    def watch(value: Tensor, scale: float, health: Tensor) -> Tensor:
        count.add("clone")
        width, bits = 32, round(torch.tensor(scale).log2().item()) + 31
        return count.kernel("kernel watch", alloc_health.watch, value, bits, width, health)  # type: ignore[no-any-return]

    def add_checksum(words: Tensor, total: Tensor) -> None:
        def work() -> None:
            total.add_(checksum._words(words))

        count.kernel("kernel checksum", work)

    return SimpleNamespace(decode=decode, add_=add_, watch=watch, add_checksum=add_checksum)
