"""What the two passes of a model share: the graphs that they run, and small steps around them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from revc.runtime.interface import Interface, Segment
from revc.runtime.metered.session import Session
from revc.runtime.modes import Mode


class Graphs(Protocol):
    """The graphs of a program; `vjp` depends on which givens and nets want cotangents."""

    @property
    def forward(self) -> nn.Module:
        """The forward graph."""

    @property
    def inverse(self) -> nn.Module:
        """The inverse graph."""

    @property
    def traced_forward(self) -> nn.Module:
        """The forward graph for torch.compile."""

    @property
    def traced_vjp(self) -> nn.Module:
        """The VJP graph for torch.compile, with all cotangents."""

    def vjp(self, givens: tuple[bool, ...], nets: tuple[bool, ...]) -> nn.Module:
        """Return the VJP graph."""


class Result(NamedTuple):
    """What the forward graph gives."""

    views: Sequence[Tensor]
    emits: Sequence[Tensor]
    lengths: Sequence[Tensor]
    raw: Sequence[Tensor]
    checks: Sequence[Tensor]
    trail: Sequence[Tensor]
    ticket: Sequence[Tensor]
    session: Session | None


def first_row(checks: Sequence[Tensor]) -> Tensor | None:
    """Return the checksums of a program's inputs; those of a loop have a row a turn."""
    if not checks or (checks[0].dim() > 1 and not checks[0].shape[0]):
        return None
    return checks[0] if checks[0].dim() == 1 else checks[0][0].clone()


def add_to_smallest(found: list[Tensor | None], zero: Tensor) -> None:
    """Make a gradient depend on a check: the compiler keeps what a result depends on."""
    sizes = [(grad.numel(), i) for i, grad in enumerate(found) if grad is not None]
    index = min(sizes)[1]
    grad = found[index]
    if grad is not None:
        found[index] = grad + zero.to(grad.dtype)


def take(values: Iterator[Any], count: int) -> list[Any]:
    """Return the next `count` values."""
    return [next(values) for _ in range(count)]


def zeros(value: Tensor, mode: Mode, real: bool = True) -> Tensor:
    """Return a cotangent of zero for a value; one number, seen everywhere, if not `real`."""
    dtype = torch.float64 if mode.dtype == torch.float64 else torch.float32
    if not real:
        return torch.zeros((), dtype=dtype, device=value.device).expand(value.shape)
    return torch.zeros(value.shape, dtype=dtype, device=value.device)


def place(root: nn.Module, name: str, net: nn.Module) -> None:
    """Add `net` below `root` under a dotted name."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    root.add_module(last, net)


def single_segment(interface: Interface) -> Interface:
    """Return an interface whose one segment is the whole inverse, for messages."""
    return replace(interface, segments=(Segment("inverse", loop=False),))
