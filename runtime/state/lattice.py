"""Fixed-point state: integers that stand for ``raw * 2**-fraction_bits`` and add with wrap-around.

An increment is rounded half to even and clamped to the lattice before it is added. Two's-complement
addition is a bijection of the state for each increment, so subtracting the same increment undoes it
bit for bit, even where the state wrapped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from revc.runtime.state.device import kernels_for

INTEGERS = {16: torch.int16, 32: torch.int32, 64: torch.int64}


def decode(raw: Tensor, fraction_bits: int, dtype: torch.dtype) -> Tensor:
    """Return ``raw * 2**-fraction_bits`` as a new tensor of `dtype`.

    The scaling is exact; rounding happens in the conversion from the integer (float32 holds 24
    bits), and once more when `dtype` is narrower than float32.
    """
    if kernels := kernels_for(raw):
        return kernels.decode(raw, fraction_bits, dtype)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return raw.to(wide).mul_(2.0**-fraction_bits).to(dtype)


def encode(value: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return the nearest lattice point, as a new integer tensor of `width` bits, row by row.

    Halves go to the even neighbour; values beyond the lattice clamp to its ends.
    """
    wide = _wide(value) if value.is_floating_point() else value.double()
    scaled = wide.mul(2.0**fraction_bits).round_()
    bottom, top = bounds(scaled.dtype, width)
    form = torch.contiguous_format
    return scaled.clamp_(bottom, top).to(INTEGERS[width], memory_format=form)


def beyond(low: float, high: float, dtype: torch.dtype, fraction_bits: int, width: int) -> bool:
    """Say whether `encode` clamps a number between two, of a tensor of `dtype`."""
    wide = dtype if dtype in (torch.float32, torch.float16, torch.bfloat16) else torch.float64
    bottom, top = bounds(wide, width)
    scale = 2.0**fraction_bits
    return round(low * scale) < bottom or round(high * scale) > top


def outside(value: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return which elements `encode` clamps, or `add_` does."""
    wide = _wide(value) if value.is_floating_point() else value.double()
    scaled = wide.detach().mul(2.0**fraction_bits).round_()
    bottom, top = bounds(scaled.dtype, width)
    return (scaled < bottom) | (scaled > top)


def bounds(dtype: torch.dtype, width: int) -> tuple[float, float]:
    """Return the least and the largest float of `dtype` that an integer of `width` bits holds.

    Devices differ in what they make of a float that overflows the integer, so increments are
    clamped between the two before they are converted.
    """
    digits = 53 if dtype == torch.float64 else 24
    end = 2.0 ** (width - 1)
    return -end, end - max(1.0, 2.0 ** (width - 1 - digits))


def add_(
    state: Tensor, value: Tensor, sign: int, fraction_bits: int, consume: bool = False
) -> Tensor:
    """Add ``sign * round(value)`` to the integer tensor `state` in place.

    Args:
        state: raw lattice state, any shape, changed in place.
        value: float increment of the same shape.
        sign: 1 or -1.
        fraction_bits: n of the lattice ``Qm.n``.
        consume: whether `value` is a dead buffer that may be overwritten.

    Returns:
        `state` itself.
    """
    total = _total.get()
    if total is None and state.shape == value.shape and (kernels := kernels_for(state, value)):
        width = torch.iinfo(state.dtype).bits
        kernels.add_(state, value, sign, fraction_bits, *bounds(value.dtype, width))
        return state
    raw = _round(value, fraction_bits, state.dtype, consume)
    before = state.clone() if total is not None else None
    changed = state.add_(raw) if sign > 0 else state.sub_(raw)
    if total is not None and before is not None:
        total[0] += _wraps(before, raw, changed, sign)
    return changed


_total: ContextVar[list[int] | None] = ContextVar("total", default=None)


@contextmanager
def counting_wraps() -> Iterator[list[int]]:
    """Count, in the first item of the list it gives, what wraps around in this thread's `add_`."""
    total = [0]
    outer = _total.set(total)
    try:
        yield total
    finally:
        _total.reset(outer)


def _wraps(before: Tensor, raw: Tensor, after: Tensor, sign: int) -> int:
    # A sum wraps when its sign differs from both terms'; a difference is checked the other way.
    first, total = (before, after) if sign > 0 else (after, before)
    return int((((first ^ total) & (raw ^ total)) < 0).sum())


def add(state: Tensor, value: Tensor, sign: int, fraction_bits: int) -> Tensor:
    """Return ``state + sign * round(value)``; what `add_` does, without changing `state`."""
    raw = _round(value, fraction_bits, state.dtype, consume=False)
    return state + raw if sign > 0 else state - raw


def add_label_(state: Tensor, value: Tensor, sign: int, size: int) -> Tensor:
    """Add ``sign * round(value)`` to labels in ``[0, size)``, modulo `size`, in place."""
    whole = value.double().round().to(state.dtype) if value.is_floating_point() else value
    return state.add_(whole, alpha=sign).remainder_(size)


def negate_label(state: Tensor, size: int) -> Tensor:
    """Return the labels ``-state`` modulo `size`, in ``[0, size)``: its own inverse there."""
    return state.neg().remainder_(size)


def _round(value: Tensor, fraction_bits: int, integer: torch.dtype, consume: bool) -> Tensor:
    width = torch.iinfo(integer).bits
    wide = _wide(value)
    owned = consume or wide is not value
    scaled = wide.mul_(2.0**fraction_bits) if owned else wide * 2.0**fraction_bits
    bottom, top = bounds(scaled.dtype, width)
    scaled.round_().clamp_(bottom, top)
    if scaled.element_size() != integer.itemsize:
        return scaled.to(integer)
    # Convert within the buffer: each element is read before it is written, and one stream is saved.
    return scaled.view(integer).copy_(scaled)


def _wide(value: Tensor) -> Tensor:
    return value if value.dtype in (torch.float32, torch.float64) else value.float()
