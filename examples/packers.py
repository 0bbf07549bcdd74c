"""General compressors on small grey images, each given the layout that suits it best."""

import bz2
import io
import lzma
import math
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from examples.digits import LEVELS

Pixels = NDArray[np.uint8]


def zlib_size(data: bytes) -> int:
    """Return the bytes of ``zlib -9``."""
    return len(zlib.compress(data, 9))


def bz2_size(data: bytes) -> int:
    """Return the bytes of ``bzip2 -9``."""
    return len(bz2.compress(data, 9))


def xz_size(data: bytes) -> int:
    """Return the bytes of ``xz -9e``, its check left out."""
    return len(lzma.compress(data, check=lzma.CHECK_NONE, preset=9 | lzma.PRESET_EXTREME))


def lzma_size(data: bytes) -> int:
    """Return the bytes of xz's method alone, without its container, tuned for bytes that differ."""
    best = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}
    return len(lzma.compress(data, lzma.FORMAT_RAW, filters=[best]))


PACKERS: dict[str, Callable[[bytes], int]] = {
    "zlib -9": zlib_size,
    "bzip2 -9": bz2_size,
    "xz -9e": xz_size,
    "lzma, tuned, bare": lzma_size,
}


def layouts(images: Tensor) -> Iterator[bytes]:
    """Yield images, [N, 1, 8, 8], as bytes: as they lie, by pixel, and packed in several ways."""
    pixels = images.reshape(len(images), -1).numpy().astype(np.uint8)
    yield pixels.tobytes()
    yield np.ascontiguousarray(pixels.T).tobytes()
    for flat in (pixels.reshape(-1), np.ascontiguousarray(pixels.T).reshape(-1)):
        yield from _packed(flat)


def _packed(flat: Pixels) -> Iterator[bytes]:
    """Yield five bits a pixel, base 17, and half bytes whose highest says that one more bit is."""
    five = np.unpackbits(flat[:, None], axis=1)[:, 3:]
    yield np.packbits(five).tobytes()
    yield np.packbits(five.T).tobytes()
    number = _number(flat.tolist())
    yield number.to_bytes((number.bit_length() + 7) // 8)
    half = np.minimum(flat, LEVELS - 2)
    halves = half[::2] << 4 | half[1::2]  # a row of pixels is an even number of them
    yield halves.tobytes() + np.packbits(flat[half == LEVELS - 2] == LEVELS - 1).tobytes()


def _number(values: list[int]) -> int:
    """Return the number whose digits in base 17 are given; by halves, as long products are slow."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    high, low = _number(values[:middle]), _number(values[middle:])
    return high * LEVELS ** (len(values) - middle) + low


def packed_sizes(images: Tensor) -> dict[str, tuple[int, int]]:
    """Return each compressor's bytes on raw pixels, and on the best of all layouts."""
    ways = list(layouts(images))
    return {name: (size(ways[0]), min(size(way) for way in ways)) for name, size in PACKERS.items()}


def png_size(images: Tensor) -> int:
    """Return the bytes of one PNG of all images: the best of a column, a row, and a line each."""
    whole = images[:, 0].numpy().astype(np.uint8)
    rows = np.ascontiguousarray(whole.transpose(1, 0, 2)).reshape(whole.shape[1], -1)
    shapes = (whole.reshape(-1, whole.shape[2]), rows, whole.reshape(len(whole), -1))
    return min(len(png(shape)) for shape in shapes)


def png(pixels: Pixels) -> bytes:
    """Return a grey image, uint8 [H, W], as an optimised PNG."""
    from PIL import Image  # with the development set-up: pip install pillow

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def histogram_size(seen: Tensor, images: Tensor) -> int:
    """Return the bytes of a perfect coder that knows how often each pixel had each level."""
    counts = torch.stack([(seen == level).sum(0) for level in range(LEVELS)], -1) + 0.5
    chances = (counts / counts.sum(-1, keepdim=True)).expand(*images.shape, LEVELS)
    bits = -torch.log2(chances.gather(-1, images[..., None])).sum()
    return math.ceil(float(bits) / 8)
