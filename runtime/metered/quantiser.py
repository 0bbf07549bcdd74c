"""A value as (index, residue): what is coded, and its distance from what is coded.

On a lattice ``raw + unit // 2 = index * unit + residue`` with residue in [0, unit), which loses
nothing. Float state has no exact split: its index is the nearest one, its residue a float.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from revc.runtime.bits import host
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.device import part_kernels
from revc.runtime.state.lattice import INTEGERS


@dataclass(frozen=True)
class Parts:
    """`index` int32 or int64, `residue` int64 in [0, unit) (float32 for float state) or None."""

    index: Tensor
    residue: Tensor | None


def split(value: Tensor, coding: Coding) -> Parts:
    """Return a register's indices and residues; labels are their own indices."""
    if coding.kind == "label":
        return Parts(value, None)
    if coding.kind == "float32":
        index = torch.round(value / coding.step)
        return Parts(index.to(torch.int32), value - index * coding.step)
    if coding.unit == 1:
        return Parts(value.to(torch.int32), None)
    kernels = part_kernels(coding, value)
    if kernels is not None:
        return Parts(*kernels.split(value, coding.unit))
    shifted = value.long().add_(coding.unit // 2)
    index = _divide(shifted, coding.unit)
    return Parts(index.to(torch.int32), shifted.sub_(index.mul_(coding.unit)))


def _divide(value: Tensor, unit: int) -> Tensor:
    if unit & (unit - 1) == 0:
        return value >> (unit.bit_length() - 1)
    return torch.div(value, unit, rounding_mode="floor")


def merge(parts: Parts, coding: Coding) -> Tensor:
    """Undo `split`: raw values in the register's dtype, which the caller has checked to fit."""
    index, residue = parts.index, parts.residue
    if coding.kind == "label":
        return index.long()
    if coding.kind == "float32":
        value = index.float() * coding.step
        return value if residue is None else value + residue
    return whole(parts, coding).to(INTEGERS[coding.width])


def whole(parts: Parts, coding: Coding) -> Tensor:
    """Return the int64 values that parts stand for, whether a lattice of `coding` holds them."""
    if coding.unit == 1:
        return parts.index.long()
    residue = 0 if parts.residue is None else parts.residue
    return parts.index.long().mul(coding.unit) + (residue - coding.unit // 2)


def overflows(parts: Parts, coding: Coding) -> Tensor:
    """Return whether a lattice value of some of these parts leaves its integer, 0-dim bool."""
    index, residue = parts.index, parts.residue
    if coding.kind != "lattice" or index.numel() == 0:
        return torch.zeros((), dtype=torch.bool, device=index.device)
    half = coding.unit // 2
    lowest, least = divmod(half - (1 << (coding.width - 1)), coding.unit)
    highest, most = divmod(half + (1 << (coding.width - 1)) - 1, coding.unit)
    low, high = torch.aminmax(index)
    outside = (low < lowest) | (high > highest)
    if coding.unit == 1:
        return outside
    if not host.waits(index.device) and lowest < low and high < highest:
        return outside
    kept = torch.zeros_like(index) if residue is None else residue
    return (
        outside
        | (((index == lowest) & (kept < least)) | ((index == highest) & (kept > most))).any()
    )


def coded(raw: Tensor, coding: Coding, dtype: torch.dtype) -> Tensor:
    """Return what the coder knows of a register, index * step, as floats; labels as they are."""
    if coding.kind == "label":
        return raw
    if coding.kind == "float32":
        return torch.round(raw / coding.step).to(dtype).mul_(coding.step)
    index = raw if coding.unit == 1 else _divide(raw.long() + coding.unit // 2, coding.unit)
    return index.to(dtype) * coding.step
