"""How many bits each band gets: reverse water-filling on the bands' variances.

A Gaussian source of variance v takes log2(v / D) / 2 bits at distortion D; of several, all get the
same D, the water level, and those with less variance none (Cover and Thomas, Elements of
Information Theory, 10.3.3). A uniform quantiser of step s makes D = s^2 / 12.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ROUNDS = 60


def water_level(variances: Array, counts: Array, bits: float) -> float:
    """Return the distortion at which the mean rate of sources is `bits` a value.

    Args:
        variances: of each source.
        counts: how many values each has.
        bits: the mean over all values.
    """
    top = float(variances.max(initial=0.0))
    if top <= 0:
        return 0.0
    low, high = math.log2(top) - 2 * bits - 64, math.log2(top)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (low, middle) if rate(variances, counts, 2.0**middle) < bits else (middle, high)
    return float(2.0**high)


def rate(variances: Array, counts: Array, level: float) -> float:
    """Return the mean bits a value at a distortion."""
    bits = 0.5 * np.log2(np.maximum(variances / level, 1.0))
    return float((bits * counts).sum() / counts.sum())


def step(level: float) -> float:
    """Return the step of a uniform quantiser that makes a distortion."""
    return math.sqrt(12 * level)
