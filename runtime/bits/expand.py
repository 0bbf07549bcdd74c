"""Keys of 128 bits and what they expand to: Philox-4x32-10 by counter, the same on every device.

A key is one block of a reservoir's generator, in a stream of its own beside words and heads
(`reference.floor_word`). Of a key, two words are the generator's key and two stand in its counter;
the other two words of the counter are the place of a block and the number of the draw.

Source: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from revc.runtime.bits.reference import M32, philox

KEY_BITS = 128
_STREAM = 2  # of a stack's generator: words are in stream 0, heads in stream 1
_SLAB = 1 << 20  # elements that torch's operators expand at once

_OF_NUMPY = (torch.bool, torch.float32, torch.float64)
"""The dtypes that words are compared into."""

Key = tuple[int, int, int, int]
"""Four words of 32 bits."""


def key_number(seed: int, index: int) -> Key:
    """Return a key of the reservoir that has a seed, in [0, 2**63)."""
    return philox((index & M32, index >> 32, 0, _STREAM), (seed & M32, seed >> 32))


def words(key: Key, draw: int, count: int, device: torch.device) -> Tensor:
    """Return uniform words of 32 bits, int64 [count], for draw number `draw` of a key."""
    out = torch.empty(count, dtype=torch.int64, device=device)
    if not _has_data(out):
        return out
    if device.type == "cpu":
        from revc.runtime.bits.cpu import expand as cpu

        cpu.words(out.numpy(), draw, np.array(key, dtype=np.uint64))
        return out
    return _by_operators(key, draw, out)


def below(
    key: Key, draw: int, bound: int, count: int, device: torch.device,
    dtype: torch.dtype = torch.bool,
) -> Tensor:  # fmt: skip
    """Return which of the words are below `bound`, [count]: ones and zeros of a dtype."""
    if device.type != "cpu":
        return (words(key, draw, count, device) < bound).to(dtype)
    if dtype not in _OF_NUMPY:
        return below(key, draw, bound, count, device).to(dtype)
    from revc.runtime.bits.cpu import expand as cpu

    out = torch.empty(count, dtype=dtype)
    if not _has_data(out):
        return out
    cpu.below(out.numpy(), draw, np.array(key, dtype=np.uint64), np.uint64(bound))
    return out


def _has_data(out: Tensor) -> bool:
    """Say whether a tensor has numbers: fake and meta tensors have a shape alone."""
    return type(out) is Tensor and out.device.type != "meta"


def _by_operators(key: Key, draw: int, out: Tensor) -> Tensor:
    """Fill the words by torch's integer operators, a slab at a time."""
    quarter = -(-len(out) // 4)
    for start in range(0, quarter, _SLAB):
        stop = min(start + _SLAB, quarter)
        found = _blocks(torch.arange(start, stop, device=out.device), draw, key)
        for number, part in enumerate(found):
            place = out[number * quarter + start : min(number * quarter + stop, len(out))]
            place.copy_(part[: len(place)])
    return out


def _blocks(index: Tensor, draw: int, key: Key) -> tuple[Tensor, ...]:
    """Return the four words of each block.

    Products of two words wrap around in int64, which leaves their low and high words right.
    """
    k0, k1 = key[:2]
    a, b = index, torch.full_like(index, draw)
    c, d = torch.full_like(index, key[2]), torch.full_like(index, key[3])
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (
            (q >> 32 & M32) ^ b ^ k0,
            q & M32,
            (p >> 32 & M32) ^ d ^ k1,
            p & M32,
        )
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return a, b, c, d
