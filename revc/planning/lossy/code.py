"""A tensor in few bits: bands of a wavelet transform, quantised and coded by an rANS stack.

Each channel of each band is taken to be normal, around zero, or around its mean in the
approximation; its scale is one of the coder's 256. Bands below the water level are left out. What
is coded is never more than `cap` bytes: where it would be, the step grows.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revc.planning.lossy import wavelet
from revc.planning.lossy.rates import step, water_level
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Gaussian
from revc.runtime.bits.snap import snap_scale

SMALLEST = 4096
"""Tensors of fewer values are kept as they are."""
LANES = 8
COARSER = 1.25
"""By how much the step grows while the code is too long."""
CHUNK = 1 << 13
"""How many values are coded at once, whose models take some 40 bytes each."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Coded:
    """A tensor's code.

    Attributes:
        data: the coder's bytes, uint8.
        scales: of each channel of each band, uint8 [bands, channels]; 0 in bands left out.
        means: of the approximation's channels, in steps, int32 [channels].
        step: of the quantiser.
        bands: which bands are there.
    """

    data: Tensor
    scales: Tensor
    means: Tensor
    step: float
    bands: tuple[bool, ...]
    shape: torch.Size
    dtype: torch.dtype
    device: torch.device

    @property
    def nbytes(self) -> int:
        """All bytes that are kept."""
        return self.data.nbytes + self.scales.nbytes + self.means.nbytes


def fits(value: Tensor) -> bool:
    """Say whether a tensor is of the sort that is coded: floats with a time axis, and not small."""
    return (
        value.dtype in _FLOATS
        and value.dim() >= 2
        and value.numel() >= SMALLEST
        and value.shape[-2] >= wavelet.SHORTEST
    )


def cap(value: Tensor, bits: float) -> int:
    """Return the most bytes that a tensor's code takes at so many bits a value."""
    bands = wavelet.levels(value.shape[-2]) + 1
    return math.ceil(value.numel() * bits / 8) + value.shape[-1] * (bands + 4) + 64 + 8 * LANES


def encode(value: Tensor, bits: float) -> Coded | None:
    """Return the code of a tensor at up to `bits` a value, None if not all of it is finite."""
    numbers = _numbers(value)
    if not np.isfinite(numbers).all():
        return None
    bands = wavelet.forward(numbers)
    variances = np.array([_variance(band, i == 0) for i, band in enumerate(bands)])
    counts = np.array([band.size for band in bands], np.float64)
    level = water_level(variances, counts, bits)
    fine = torch.finfo(value.dtype).eps * float(np.abs(numbers).max())
    size, most = max(step(level), fine) or 1.0, cap(value, bits)
    while True:
        made = _coded(value, bands, size, tuple((variances > size**2 / 12).tolist()))
        if made.nbytes <= most:
            return made
        size *= COARSER


def decode(coded: Coded) -> Tensor:
    """Return the tensor that a code stands for, contiguous."""
    rows, time, channels = _three(coded.shape)
    stack = BitStack.load(coded.data)
    bands: list[np.ndarray] = []
    lengths = wavelet.sizes(time)
    for index in reversed(range(len(lengths))):
        shape = (rows, lengths[index], channels)
        there = coded.bands[index] or index == 0
        made = _popped(stack, coded, index, shape) if there else np.zeros(shape, np.float32)
        bands.insert(0, made)
    found = wavelet.backward(bands, time)
    result = torch.empty(coded.shape, dtype=coded.dtype)
    result.view(rows, time, channels).copy_(torch.from_numpy(found))
    return result.to(coded.device)


def _numbers(value: Tensor) -> np.ndarray:
    kind = torch.float64 if value.dtype == torch.float64 else torch.float32
    place = np.empty(_three(value.shape), np.float64 if kind == torch.float64 else np.float32)
    torch.from_numpy(place).copy_(value.detach().reshape(place.shape))
    return place


def _three(shape: torch.Size) -> tuple[int, int, int]:
    return math.prod(shape[:-2]), shape[-2], shape[-1]


def _variance(band: np.ndarray, centred: bool) -> float:
    """Return the mean square of a band, or for the approximation that around channels' means."""
    wide = band.astype(np.float64)
    if centred:
        wide = wide - wide.mean((0, 1))
    return float((wide**2).mean())


def _coded(value: Tensor, bands: list[np.ndarray], size: float, there: tuple[bool, ...]) -> Coded:
    """Return the code with a step; the approximation is always there, as its means are."""
    channels = value.shape[-1]
    scales = np.zeros((len(bands), channels), np.uint8)
    means = np.zeros(channels, np.int32)
    stack = BitStack(1, LANES)
    for index, band in enumerate(bands):
        if not (there[index] or index == 0):
            continue
        whole = np.rint(band.astype(np.float64) / size).clip(-(2**30), 2**30).astype(np.int32)
        if index == 0:
            means[:] = np.rint(whole.mean((0, 1)))
        spread = np.sqrt(((whole - (means if index == 0 else 0)) ** 2.0).mean((0, 1)))
        spread = torch.from_numpy(np.maximum(spread, 0.3))
        scales[index] = snap_scale(spread, 1.0).numpy()
        _push(stack, whole, scales[index], means if index == 0 else np.zeros_like(means))
    # What numpy allocates no budget sees: what is kept is a copy that torch has allocated.
    kept = (stack.export(), torch.from_numpy(scales), torch.from_numpy(means))
    data, own, middle = (one.clone() for one in kept)
    return Coded(data, own, middle, size, there, value.shape, value.dtype, value.device)


def _chunks(rows: int, channels: int) -> list[tuple[int, int]]:
    """Return ranges of rows of about `CHUNK` values."""
    each = max(1, CHUNK // channels)
    return [(start, min(rows, start + each)) for start in range(0, rows, each)]


def _model(scales: np.ndarray, means: np.ndarray, rows: int) -> Gaussian:
    loc = torch.from_numpy(means.astype(np.int64) * 256).expand(1, rows, -1).contiguous()
    return Gaussian.from_grid(loc, torch.from_numpy(scales).expand(1, rows, -1).contiguous())


def _push(stack: BitStack, whole: np.ndarray, scales: np.ndarray, means: np.ndarray) -> None:
    flat = whole.reshape(-1, whole.shape[-1])
    for start, end in _chunks(*flat.shape):
        model = _model(scales, means, end - start)
        stack.push(torch.from_numpy(flat[start:end])[None], model)


def _popped(stack: BitStack, coded: Coded, index: int, shape: tuple[int, int, int]) -> np.ndarray:
    found = np.empty((shape[0] * shape[1], shape[2]), np.float32)
    scales = coded.scales[index].numpy()
    means = coded.means.numpy() if index == 0 else np.zeros(shape[2], np.int32)
    for start, end in reversed(_chunks(*found.shape)):
        found[start:end] = stack.pop(_model(scales, means, end - start))[0].numpy()
    return (found * coded.step).reshape(shape)
