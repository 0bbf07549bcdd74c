"""Power tempering, row by row; the arithmetic of ``revc.runtime.bits.tempering``."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.size import LOGARITHMS, log2_units

U = np.uint64


@njit(inline="always")
def energy_at(beta, tilted, tilt, far):
    """Energy of a symbol, in 2**-12 bit."""
    return min((beta * tilted >> 16) - tilt, far)


@njit(cache=True, nogil=True, error_model="numpy")
def heat(tilted, mode, beta, far, spare, powers, logarithms):
    """Entropy in 2**-32 bit of the weights that ``beta`` makes."""
    total = mean = 0
    for i in range(tilted.shape[0]):
        energy = energy_at(beta, tilted[U(i)], abs(i - mode), far)
        weight = powers[U(energy & 4095)] >> ((energy >> 12) + spare)
        total += weight
        mean += weight * energy
    height = log2_units(total, logarithms) + ((spare - 30) << 32)
    return height + int(np.float64(mean) / np.float64(total) * 1048576.0)


@njit(cache=True, nogil=True, error_model="numpy")
def measure(weights, mode, far, logarithms, tilted):
    """Fill ``tilted`` int64 [K]: energies of a row, each with its distance from the mode."""
    least = log2_units(weights[U(mode)], logarithms) >> 20
    for i in range(weights.shape[0]):
        weight = weights[U(i)]
        distance = far
        if weight > 0:
            distance = least - (log2_units(weight, logarithms) >> 20)
        tilted[U(i)] = distance + abs(i - mode)


@njit(cache=True, nogil=True, error_model="numpy")
def step_of(tilted, mode, want, far, coarse, fine, spare, betas, powers, logarithms):
    """Step of beta at which the entropy is ``want``."""
    low, high, below = 0, coarse, 0
    above = heat(tilted, mode, betas[0], far, spare, powers, logarithms)
    while high - low > 1:
        middle = (low + high) >> 1
        found = heat(tilted, mode, betas[U(middle * fine)], far, spare, powers, logarithms)
        if found >= want:
            low, above = middle, found
        else:
            high, below = middle, found
    part = np.float64(above - want) / np.float64(max(above - below, 1))
    return min(low * fine + min(max(int(np.rint(part * fine)), 0), fine), coarse * fine)


@njit(cache=True, nogil=True, error_model="numpy")
def temper(weights, target, far, coarse, fine, spare, betas, powers, out, logarithms=LOGARITHMS):
    """Fill ``out`` int64 [N, K] with weights of entropy ``target`` int64 [N]."""
    tilted = np.empty(weights.shape[1], np.int64)
    for n in range(weights.shape[0]):
        mode = np.argmax(weights[n])
        if target[n] <= 0:
            out[n] = 0
            out[n, mode] = 1
            continue
        measure(weights[n], mode, far, logarithms, tilted)
        step = step_of(
            tilted, mode, target[n], far, coarse, fine, spare, betas, powers, logarithms
        )  # fmt: skip
        beta = betas[U(step)]
        for i in range(weights.shape[1]):
            energy = energy_at(beta, tilted[U(i)], abs(i - mode), far)
            out[n, i] = powers[U(energy & 4095)] >> ((energy >> 12) + spare)
