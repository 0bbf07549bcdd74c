"""16-bit floats in two halves: bits 7 to 14, which a table codes, and the other eight.

Of bfloat16 the former are the exponent; of float16 they are that and the upper three bits of the
mantissa. The others, a byte, lie four to a word: the raw part of a group.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from revc.runtime.bits.warp.table import GROUP, ORDER

FLOATS = (torch.bfloat16, torch.float16)


def order(floats: bool) -> np.ndarray:
    """The turns of a group's members, int64 [4]."""
    return np.asarray(ORDER[floats], dtype=np.int64)


def coded(data: Tensor) -> Tensor:
    """What the table codes of patterns int16 [E], uint8."""
    return ((data >> 7) & 0xFF).to(torch.uint8)


def packed(data: Tensor) -> Tensor:
    """The raw parts of groups, int32 [ceil(E / 4)], of patterns int16 [E]."""
    rest = ((data & 0x7F) | ((data >> 8) & 0x80)).to(torch.uint8)
    groups = torch.nn.functional.pad(rest, (0, -rest.numel() % GROUP)).view(-1, GROUP)
    return groups[:, list(ORDER[True])].contiguous().view(torch.int32).view(-1)


def rest_of(raw: Tensor) -> Tensor:
    """The bytes of raw parts int32 [groups], uint8 [groups, 4], in the order of the data."""
    return raw.view(-1, 1).view(torch.uint8)[:, list(ORDER[True])]  # the order undoes itself


def joined(symbols: Tensor, raw: Tensor) -> Tensor:
    """Patterns int16 [E] of what the table codes, uint8 [E], and raw parts."""
    rest = rest_of(raw).reshape(-1)[: symbols.numel()].to(torch.int32)
    bits = (symbols.to(torch.int32) << 7) | (rest & 0x7F) | ((rest & 0x80) << 8)
    return torch.where(bits >= 1 << 15, bits - (1 << 16), bits).to(torch.int16)
