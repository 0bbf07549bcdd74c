"""Power tempering in integers: the weights p**beta whose entropy is the one asked for.

    E_i(beta) = beta d_i + (beta - 1) t_i,    w_i = 2**-E_i,

d_i is how far -log2 p_i lies above the least of its row, and t_i = 2**-12 bit times the distance of
i from the mode, so that equal weights part as beta grows: every entropy from that of p (beta = 1)
down to 0 is met. Its excess over the target changes sign in a bisection of log2(beta) in sixteenths
of an octave; within the last of them log2(beta) is interpolated. Nothing but integers, and single
IEEE divisions of them, decides the result: it is the same on every device.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits.constants import LENGTH_BITS, TOTAL
from revc.runtime.bits.cpu.tempering import temper as fast_temper
from revc.runtime.bits.log2 import log2_units
from revc.runtime.bits.tables import power_table

ENERGY_BITS = 12
"""Energies are in 2**-12 bit, the steps of the table of powers."""
FAR = 40 << ENERGY_BITS
"""Energy of what has no weight left."""
OCTAVES = 24
COARSE = 16
FINE = 64
"""Steps of an octave of beta: ``COARSE`` in the bisection, times ``FINE`` in the interpolation."""


@cache
def _powers(device: torch.device) -> Tensor:
    return torch.from_numpy(power_table()).to(device)


@cache
def _betas(device: torch.device) -> Tensor:
    """2**16 beta for every step of its logarithm, int64."""
    steps = COARSE * FINE
    step = torch.arange(OCTAVES * steps + 1, device=device)
    part = (step % steps) * (4096 // steps)
    power = torch.where(part > 0, _powers(device)[(4096 - part) & 4095] >> 13, 1 << 16)
    return power << (step // steps)


def spare_bits(classes: int) -> int:
    """Bits that weights shrink by, so that their sum stays below 2**47."""
    return max(0, (classes - 1).bit_length() - 16)


def energies(weights: Tensor) -> tuple[Tensor, Tensor]:
    """(d + t, t) of non-negative weights [N, K] below 2**47, in 2**-12 bit."""
    bits = log2_units(weights.clamp(min=1)) >> (LENGTH_BITS - ENERGY_BITS)
    place = torch.arange(weights.shape[-1], device=weights.device)
    tilt = (place - weights.argmax(-1, keepdim=True)).abs()
    distance = torch.where(weights > 0, bits.amax(-1, keepdim=True) - bits, FAR)
    return distance + tilt, tilt


def heated(tilted: Tensor, tilt: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """(weights, energies) [N, K] at the ``step`` [N, 1] of beta; their sum is below 2**47."""
    beta = _betas(tilt.device)[step]
    energy = ((beta * tilted >> 16) - tilt).clamp(max=FAR)
    spare = spare_bits(tilt.shape[-1])
    powers = _powers(tilt.device)[energy & 4095]
    return powers >> ((energy >> ENERGY_BITS) + spare), energy


def heat(weights: Tensor, energy: Tensor) -> Tensor:
    """Entropy int64 [N, 1] in 2**-32 bit of weights 2**-energy [N, K]."""
    total = weights.sum(-1, keepdim=True)
    mean = (weights * energy).sum(-1, keepdim=True).double() / total.double()
    spare = spare_bits(weights.shape[-1])
    height = log2_units(total) + ((spare - 30) << LENGTH_BITS)
    return height + (mean * (1 << (LENGTH_BITS - ENERGY_BITS))).long()


def temper(weights: Tensor, target: Tensor) -> Tensor:
    """Weights int64 [N, K] of entropy ``target`` int64 [N], in 2**-32 bit.

    ``weights`` are int64 in [0, 2**47), not all 0 in a row. A target of 0 leaves the mode alone.
    """
    if weights.device.type == "cpu":
        return temper_on_cpu(weights, target)
    return temper_anywhere(weights, target)


def temper_on_cpu(weights: Tensor, target: Tensor) -> Tensor:
    """The same in one pass of numba."""
    out = torch.empty_like(weights, memory_format=torch.contiguous_format)
    tables = (_betas(weights.device).numpy(), _powers(weights.device).numpy())
    spare = spare_bits(weights.shape[-1])
    rows, wanted = weights.contiguous().numpy(), target.contiguous().numpy()
    fast_temper(rows, wanted, FAR, OCTAVES * COARSE, FINE, spare, *tables, out.numpy())
    return out


def temper_anywhere(weights: Tensor, target: Tensor) -> Tensor:
    """The same on any device."""
    tilted, tilt = energies(weights)
    want = target[:, None]
    low = torch.zeros_like(want)
    high = torch.full_like(want, OCTAVES * COARSE)
    above = heat(*heated(tilted, tilt, low * FINE))
    below = torch.zeros_like(want)
    for _ in range((OCTAVES * COARSE - 1).bit_length()):
        middle = (low + high) >> 1
        found = heat(*heated(tilted, tilt, middle * FINE))
        warm = found >= want
        low, above = torch.where(warm, middle, low), torch.where(warm, found, above)
        high, below = torch.where(warm, high, middle), torch.where(warm, below, found)
    part = (above - want).double() / (above - below).clamp(min=1).double()
    step = low * FINE + torch.round(part * FINE).clamp(0, FINE).long()
    out, _ = heated(tilted, tilt, step.clamp(max=OCTAVES * COARSE * FINE))
    alone = torch.zeros_like(out).scatter_(-1, weights.argmax(-1, keepdim=True), 1)
    return torch.where(want > 0, out, alone)


def share_cdf(weights: Tensor) -> Tensor:
    """CDF int32 [..., K + 1] of weights [..., K] of sum below 2**47; small ones may get nothing."""
    cumulative = torch.nn.functional.pad(weights.cumsum(-1), (1, 0))
    return (cumulative * TOTAL // cumulative[..., -1:].clamp(min=1)).to(torch.int32)
