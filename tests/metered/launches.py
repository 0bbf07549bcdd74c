"""Launches of a played device, counted by the step of a valve that asks for them.

An operator is a launch if it makes new memory, or writes to what it was given.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from revc.runtime.metered import counts, quantiser, valve
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.lengths import sequence_length
from revc.runtime.metered.lengths_vjp import reparameterise_vjp, sequence_length_vjp
from revc.runtime.state.lattice import INTEGERS
from tests.played import Played, _numbers, _TritonPlayed

Launches = Counter[str]
STEPS: dict[Any, tuple[str, ...]] = {
    valve: ("valve", "unvalve"), counts: ("count", "count_vjp", "drawn_vjp"),
}  # fmt: skip
ALLOCATE = {"empty", "empty_like", "new_empty", "empty_strided"}


def at_of(step: float, unit: int, raw: Tensor) -> Coding:
    """The coding of values that kernels are given."""
    fraction = round(unit / step).bit_length() - 1
    return Coding("logistic", "lattice", fraction, 8 * raw.element_size(), step)


class Kernels:
    """Plays the modules of kernels by what they stand for; each call is a launch."""

    def __init__(self, device: Played) -> None:
        self.device = device
        self.calls: Callable[[int], None] = lambda _count: None

    def module(self, name: str) -> Any:
        made = {
            "kernels": ("sequence_length", "sequence_length_vjp", "reparameterise_vjp"),
            "parts": ("split", "join"),
        }[name]
        return SimpleNamespace(**{function: self._played(function) for function in made})

    def _played(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            beside = name == "join"  # its flag is made
            if name == "reparameterise_vjp":
                beside = not arguments[0].is_contiguous()  # a cotangent is copied
            self.calls(1 + beside)
            with _numbers():
                found = getattr(self, name)(*arguments)
            return torch.utils._pytree.tree_map(self.device.claim, found)

        return call

    def sequence_length(self, raw: Tensor, params: Tensor, step: float, unit: int) -> Tensor:
        value = quantiser.coded(raw, at_of(step, unit, raw), torch.float32)
        return sequence_length("logistic", value, params, step)

    def sequence_length_vjp(
        self, cotangent: Tensor, raw: Tensor, params: Tensor, step: float, unit: int
    ) -> Any:
        value = quantiser.coded(raw, at_of(step, unit, raw), torch.float32)
        return sequence_length_vjp("logistic", cotangent, value, params, step)

    def reparameterise_vjp(
        self, cotangent: Tensor, raw: Tensor, params: Tensor, step: float, unit: int
    ) -> Any:
        value = quantiser.coded(raw, at_of(step, unit, raw), torch.float32)
        return reparameterise_vjp("logistic", cotangent, value, params, step)

    def split(self, raw: Tensor, unit: int) -> tuple[Tensor, Tensor]:
        shifted = raw.long() + unit // 2
        index = torch.div(shifted, unit, rounding_mode="floor")
        return index.int(), shifted - index * unit

    def join(
        self, index: Tensor, residue: Tensor | None, unit: int, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        assert dtype in INTEGERS.values()
        value = index.long() * unit + (0 if residue is None else residue) - unit // 2
        return value.to(dtype), (value.to(dtype) != value).any()


_kernels: list[Kernels] = []


@contextmanager
def fused(device: Played, there: bool) -> Iterator[None]:
    """Play the kernels of valves, or their absence."""
    kernels = Kernels(device)
    loaded = kernels.module if there else lambda _name: None
    _kernels.append(kernels)
    with patch("revc.runtime.metered.device._loaded", loaded):
        yield
    _kernels.pop()


@contextmanager
def launches(device: Played) -> Iterator[Launches]:
    """Count launches by the step that asks for them."""
    found: Launches = Counter()
    here: list[str] = []

    def count(many: int = 1) -> None:
        if here:
            found[here[-1]] += many

    def within(name: str, function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            here.append(name)
            try:
                return function(*arguments, **named)
            finally:
                here.pop()

        return call

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            count()
            return function(*arguments, **named)

        return call

    dispatch = Played.__torch_dispatch__

    def watched(self: Played, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = dispatch(self, func, types, args, kwargs)
        if func.namespace == "aten" and launches_of(device, func, (args, kwargs), out):
            count()
        return out

    from revc.runtime.bits.gpu import grid

    with ExitStack() as stack:
        stack.enter_context(patch.object(Played, "__torch_dispatch__", watched))
        for name in ("run", "sizes"):
            kernel = counted(getattr(_TritonPlayed, name))
            stack.enter_context(patch.object(_TritonPlayed, name, kernel))
        for name in ("snapped", "kept"):
            stack.enter_context(patch.object(grid, name, counted(getattr(grid, name))))
        for module, names in STEPS.items():
            for name in names:
                step = within(name, getattr(module, name))
                stack.enter_context(patch.object(module, name, step))
        for kernels in _kernels:
            kernels.calls = count
        yield found


def launches_of(device: Played, func: Any, given: Any, out: Any) -> bool:
    """Say whether an operator works on the device."""
    made = [x for x in tree_leaves(out) if isinstance(x, Tensor) and device.holds(x)]
    if not made or func._opname in ALLOCATE:
        return False
    before = {x.untyped_storage()._cdata for x in tree_leaves(given) if isinstance(x, Tensor)}
    return func._schema.is_mutable or any(x.untyped_storage()._cdata not in before for x in made)
