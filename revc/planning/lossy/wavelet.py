"""The wavelet transform of activations along their time axis: db4, four levels, orthonormal.

Source: I. Daubechies, Ten Lectures on Wavelets, 1992; PyWavelets (G. R. Lee et al., 2019) runs it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revc.errors import BindError

NAME, LEVELS, MODE = "db4", 4, "periodization"
TAPS = 8
SHORTEST = 16
"""The fewest places in time that are transformed."""

Floats = NDArray[np.floating[Any]]


def levels(length: int) -> int:
    """Return how often a time axis is halved: at most four times, and while a filter fits."""
    return max(0, min(LEVELS, int(math.log2(length / (TAPS - 1)))))


def forward(values: Floats) -> list[Floats]:
    """Return the bands of `values` [rows, time, channels], the approximation first."""
    found: list[Floats] = _pywt().wavedec(values, NAME, MODE, levels(values.shape[1]), axis=1)
    return found


def backward(bands: Sequence[Floats], length: int) -> Floats:
    """Undo `forward`, up to rounding."""
    found: Floats = _pywt().waverec(list(bands), NAME, MODE, axis=1)
    return found[:, :length]


def sizes(length: int) -> list[int]:
    """Return the lengths of the bands, the approximation first."""
    found = []
    for _ in range(levels(length)):
        length = (length + 1) // 2
        found.append(length)
    return [length, *reversed(found)]


def _pywt() -> Any:
    try:
        import pywt
    except ImportError as error:
        raise BindError("lossy storage needs PyWavelets: pip install revc[wavelets]") from error
    return pywt
