"""Registers that begin and end with a known value, and the health of a run.

`health` is a float tensor of three numbers that graphs thread through every step, so that nothing
waits for the device until the end: [0] the largest increment as a fraction of its lattice's range
(not finite if one was not; from 1 on, it was clamped), [1] how many elements of freed registers did
not hold their value, [2] a note of what was emitted, summed: a way back that evaluates an emit
again must come to the same. It is a checksum modulo 2**20, or beside float state a signed sum.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import torch
from torch import Tensor

from revc.runtime.state import drift, lattice
from revc.runtime.state.checksum import digest, top_bits
from revc.runtime.state.device import kernels_for

_NOTES = 3
HEALTH_BYTES = 4 * _NOTES
"""Bytes of a run's health."""


def new_health(device: torch.device) -> Tensor:
    """Return the health of a run that has done nothing yet, float32 [3]."""
    return torch.zeros(_NOTES, dtype=torch.float32, device=device)


def watch(value: Tensor, fraction_bits: int, width: int, health: Tensor) -> Tensor:
    """Return `health` with an increment of a lattice of `width` bits taken into account.

    An increment may be empty: `a[:, 1:] += b[:, :-1]` of sequences of length one.
    """
    if value.numel() == 0:
        return health.clone()  # a nested region may not return what it takes
    scale = 2.0 ** (fraction_bits - width + 1)
    if value.dtype != torch.float64 and (kernels := kernels_for(value, health)):
        raised: Tensor = kernels.watch(value, scale, health)
        return raised
    low, high = torch.aminmax(value)
    size = torch.maximum(-low, high).to(torch.float32) * scale
    return torch.stack((torch.maximum(health[0], size), health[1], health[2]))


_damping: ContextVar[bool] = ContextVar("damping", default=False)


@contextmanager
def damping(clamped: bool) -> Iterator[None]:
    """Say of a way back in this thread whether its forward pass clamped an increment."""
    outer = _damping.set(clamped)
    try:
        yield
    finally:
        _damping.reset(outer)


def damp(cotangent: Tensor, value: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return the cotangent of an increment: zero where `value` was clamped to its lattice.

    Args:
        cotangent: of what was added, of the target's shape.
        value: the increment, of that shape or one that broadcasts to it.
        fraction_bits: n of the lattice ``Qm.n``.
        width: of its integers in bits.

    Returns:
        `cotangent` itself unless the forward pass clamped something.
    """
    if not _damping.get():
        return cotangent
    return cotangent.masked_fill(lattice.outside(value, fraction_bits, width), 0.0)


def fill(
    shape: Sequence[int], value: float, fraction_bits: int, width: int, device: torch.device
) -> Tensor:
    """Return a new lattice register that holds `value` everywhere."""
    bottom, top = lattice.bounds(torch.float64, width)
    point = int(min(max(round(value * 2.0**fraction_bits), bottom), top))  # as `encode` does
    return torch.full(tuple(shape), point, dtype=lattice.INTEGERS[width], device=device)


def fill_plain(
    shape: Sequence[int], value: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return a new float or label register that holds `value` everywhere."""
    return torch.full(tuple(shape), value, dtype=dtype, device=device)


def check(register: Tensor, expected: Tensor, health: Tensor) -> Tensor:
    """Return `health` with the elements counted in which `register` is not `expected`."""
    wrong = (register != expected).sum().to(torch.float32)
    return torch.stack((health[0], health[1] + wrong, health[2]))


_MARK = 20
EMITTED = float(1 << _MARK)
"""What the sum of emits is taken modulo: float32 holds each such sum exactly."""


Note = Literal["checksum", "sketch"]
_noting: ContextVar[Note] = ContextVar("noting", default="checksum")


class noting:
    """``with noting(how):`` let graphs in this thread take note of emits so."""

    __slots__ = ("how", "outer")

    def __init__(self, how: Note) -> None:
        self.how = how

    def __enter__(self) -> None:
        self.outer = _noting.set(self.how)

    def __exit__(self, *error: object) -> None:
        _noting.reset(self.outer)


def note_emit(value: Tensor, health: Tensor) -> Tensor:
    """Return `health` with a note of an emitted value taken into account."""
    if _noting.get() == "sketch":
        seen = drift.sketch([drift.finite(value)])[0].to(health.dtype)
        return torch.stack((health[0], health[1], health[2] + seen))
    mark = top_bits(digest(value), _MARK).to(torch.float32)
    return torch.stack((health[0], health[1], (health[2] + mark).remainder(EMITTED)))


def scalar(value: float, device: torch.device) -> Tensor:
    """Return a number as a 0-dim tensor."""
    return torch.full((), float(value), device=device)
