"""Frozen integer tables: sampled CDFs, the grid of scales, powers of two and logarithms.

Everything that decides a symbol's interval is read from these tables, so they are part of the
tape format: they are rebuilt in float64 on first use, rounded far from any tie (tested), and their
hash is compared with the one below before they are handed out.

* A CDF table samples a standard CDF F in ``CELLS`` cells of width ``2 * reach / CELLS`` over
  ``[-reach, reach]``: entry = round(2**16 F(middle)), the ends being exactly 0 and 2**16.
* Scale ``j`` of 256 is ``2**(j / 9 - 1)`` index units: half a step up to 2**27.3, so that a window
  is shorter than 2**32.
  ``inverse[j] >> shift[j]`` turns 2**-8 index units into cells; ``radius[j]`` is the reach of the
  scale in whole index units; ``coarse[j]`` low bits are coded raw so that a window has at most
  257 symbols and an escape.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from revc.errors import InternalError

CELLS = 4096
LOGITS = {"logistic": (1.0, 0.0), "gaussian": (1.5976, 0.07056)}
"""ln(F / (1 - F)) at z is a z + b z**3: exactly for a logistic F, to 1.4e-4 in F for a normal one
(Bowling, Khasawneh, Kaewkuekool, Cho, J. Ind. Eng. Manag. 2(1), 2009)."""
SCALES = 256
PER_OCTAVE = 9
SPAN = 255
"""Largest distance between the first and the last regular symbol of a window."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """A standard distribution on the integer grid; all arrays are int64, see the module."""

    name: str
    reach: int
    cdf: Ints
    inverse: Ints
    shift: Ints
    radius: Ints
    coarse: Ints
    quantile: npt.NDArray[np.float64]
    """First guesses for the search in cells, [4096]: they decide its speed and never its result."""

    def digest(self) -> str:
        """SHA-256 over the tables that decide intervals."""
        arrays = (self.cdf, self.inverse, self.shift, self.radius, self.coarse)
        return digest(*arrays)


def digest(*arrays: Ints) -> str:
    """SHA-256 of int64 arrays, little-endian."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return state.hexdigest()


def scale_value(j: int) -> float:
    """Scale number ``j`` in index units."""
    return float(2.0 ** (j / PER_OCTAVE - 1))


def logistic_cdf(z: float) -> float:
    """1 / (1 + exp(-z)), without overflow."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def normal_cdf(z: float) -> float:
    """The CDF of a standard normal at ``z``: half of erfc(-z / sqrt(2))."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def samples(cdf: Callable[[float], float], reach: int) -> list[float]:
    """2**16 F at the middle of every cell, before rounding."""
    width = 2 * reach / CELLS
    return [65536 * cdf((i - CELLS // 2 + 0.5) * width) for i in range(CELLS)]


def build(name: str, cdf: Callable[[float], float], reach: int) -> Shape:
    """Make the tables of one distribution."""
    values = samples(cdf, reach)
    table = np.rint(values).astype(np.int64)
    table[0], table[-1] = 0, 65536
    rows = []
    for j in range(SCALES):
        scale = scale_value(j)
        cells = CELLS / (2 * reach * 256 * scale)
        bits = 15 - math.floor(math.log2(cells))
        radius = math.ceil(reach * scale)
        coarse = max(0, (2 * radius + 1).bit_length() - SPAN.bit_length())
        rows.append((round(cells * 2.0**bits), bits, radius, coarse))
    points = (np.arange(4096) + 0.5) * 16
    cell = np.searchsorted(np.asarray(values), points) - CELLS // 2
    inverse, shift, radii, coarses = np.ascontiguousarray(np.asarray(rows, dtype=np.int64).T)
    guess = cell.astype(np.float64)
    return Shape(name, reach, table, inverse, shift, radii, coarses, guess)


def powers() -> Ints:
    """2**30 * 2**(-i / 4096) rounded, [4096]: the integer exponential."""
    return np.asarray([round(2.0 ** (30 - i / 4096)) for i in range(4096)], dtype=np.int64)


def logarithms() -> Ints:
    """2**40 * log2(1 + i / 1024) rounded, [1024]: the integer logarithm's first term."""
    return np.asarray(
        [round(math.log2(1 + i / 1024) * 2.0**40) for i in range(1024)], dtype=np.int64
    )


HASHES = {
    "logistic": "48493cc64b688018ca1e9c7417b74b87ecf03c4d17bfb4607d07dc5206d91d72",
    "gaussian": "70451a399757afdd7c5cc8194aaaccdb0eae31fc842c20dd3d70e56d688def40",
    "powers": "b8ac697007f4aa90e8156a53c33aefa77c86f751c033192c3f28fcd076c995f8",
    "logarithms": "00f9d21d21fa29f98ab1f24509939664d79383a84886e238b03ba82668acb961",
}


def frozen(name: str, found: str) -> None:
    """Refuse a table that this machine rounds differently: its tapes would not be portable.

    Raises:
        InternalError: the hash of the table called ``name`` is not the one that is written down.
    """
    if found != HASHES[name]:
        raise InternalError(f"frozen table {name!r} has hash {found}, expected {HASHES[name]}")


@cache
def shape(name: str) -> Shape:
    """The checked tables of ``"logistic"`` or ``"gaussian"``."""
    cdf, reach = {"logistic": (logistic_cdf, 12), "gaussian": (normal_cdf, 6)}[name]
    result = build(name, cdf, reach)
    frozen(name, result.digest())
    return result


@cache
def power_table() -> Ints:
    """The checked table of ``powers``."""
    table = powers()
    frozen("powers", digest(table))
    return table


@cache
def logarithm_table() -> Ints:
    """The checked table of ``logarithms``."""
    table = logarithms()
    frozen("logarithms", digest(table))
    return table


@cache
def window_tensors(name: str, device: torch.device) -> tuple[Tensor, ...]:
    """(cdf, inverse, shift, radius, coarse, quantile) of ``shape(name)`` on a device.

    The cdf is int32: as int64 it would fill a first-level cache.
    """
    tables = shape(name)
    arrays = (tables.inverse, tables.shift, tables.radius, tables.coarse, tables.quantile)
    cdf = torch.from_numpy(tables.cdf.astype(np.int32)).to(device)
    return cdf, *(torch.from_numpy(a).to(device) for a in arrays)


@cache
def guide_tensors(name: str, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """(rates, quantile, curve) of ``shape(name)``: what the search in a mixture starts from.

    ``rates`` float32 [256] are cells of a 2**-8 index unit, ``quantile`` is that of the shape, and
    ``curve`` float32 [2] are (a, b) with F = 1 / (1 + 2**(a cell + b cell**3)).
    """
    tables = shape(name)
    rates = torch.from_numpy(tables.inverse / 2.0**tables.shift).float()
    width = 2 * tables.reach / CELLS
    curve = [-k * width**n / math.log(2) for k, n in zip(LOGITS[name], (1, 3), strict=True)]
    quantile = torch.from_numpy(tables.quantile)
    return rates.to(device), quantile.to(device), torch.tensor(curve).float().to(device)
