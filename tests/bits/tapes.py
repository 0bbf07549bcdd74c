"""Fixed programs and the hashes of the tapes they leave, on any back end.

``python -m tests.bits.tapes BACKEND`` prints name -> hash as JSON; ``python -m tests.bits.tapes
numba --write`` renews the golden file, which is a change of format and needs a reason.
"""

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.backends import BackendName
from revc.runtime.bits.dist import (
    Categorical,
    Distribution,
    FloatBits,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
)
from revc.runtime.bits.dist.tempered import tempered

GOLDEN = Path(__file__).with_name("tapes.json")
SHAPES = {"wide": (Mode.WIDE, 2, 32), "fast": (Mode.FAST, 1, 35)}
LONG = {"wide-long": (Mode.WIDE, 1, 4), "fast-long": (Mode.FAST, 2, 2)}
LONG_KINDS = ("table", "floats")
KINDS = (
    "table", "uniform", "softmax", "scale", "logistic", "gaussian", "mixture", "floats", "wide",
    "bounded", "bounded-gaussian", "bounded-mixture", "tempered", "tempered-gaussian",
    "tempered-mixture", "tempered-softmax", "tempered-uniform", "tempered-table",
)  # fmt: skip


def numbers(high: int, shape: tuple[int, ...], seed: int) -> Tensor:
    """Integers in [0, high) from a formula, so that no library's generator decides them."""
    index = torch.arange(torch.Size(shape).numel()) + 7919 * seed
    return (
        ((index * 2654435761 + (index * index % 1000003) * 40503) >> 7)
        .remainder(high)
        .reshape(shape)
    )


def reals(shape: tuple[int, ...], seed: int) -> Tensor:
    """Multiples of 1/64 in [-16, 16)."""
    return (numbers(2048, shape, seed) - 1024) / 64.0


def distribution(kind: str, b: int) -> tuple[Distribution, Tensor]:
    """A distribution and symbols for it."""
    shape = (b, 44)
    loc, scale = reals(shape, 1) * 8, 0.25 + numbers(4000, shape, 2) / 128.0
    loc[:, ::9] *= 1 << 20
    far = torch.round(loc + reals(shape, 3)).long()
    far[:, ::11] = numbers(1 << 32, far[:, ::11].shape, 4) - (1 << 31)
    parts = (b, 44, 3)
    if kind.startswith("tempered"):
        base, symbols = distribution(kind.removeprefix("tempered").strip("-") or "logistic", b)
        return inside(tempered(base, torch.tensor([0.4, 1.0, 0.0])[:b]), symbols)
    if kind == "wide":
        n = numbers(1 << 32, shape, 15) // (1 << numbers(33, shape, 16)) + 1
        return inside(WideUniform(n), numbers(1 << 32, shape, 17))
    if kind == "table":
        return Table.from_counts(torch.arange(40) ** 2), numbers(40, shape, 5)
    if kind == "uniform":
        return Uniform(numbers(1 << 16, shape, 6) + 1), numbers(1, shape, 7)
    if kind == "softmax":
        return Categorical(reals((b, 44, 300), 8)), numbers(300, shape, 9)
    if kind == "bounded":
        return inside(Logistic(loc, scale, bounded=True), far)
    if kind == "bounded-gaussian":
        return inside(Gaussian(loc, scale, step=0.5, bounded=True), far)
    if kind == "logistic":
        return Logistic(loc, scale), far
    if kind == "gaussian":
        return Gaussian(loc, scale, step=0.5), far
    if kind.endswith("mixture"):
        where = loc[..., None] + reals(parts, 10)
        bounded, grid = kind == "bounded-mixture", (where, scale[..., None] + where * 0)
        return inside(Mixture(reals(parts, 11), *grid, bounded=bounded), far)
    bits = numbers(1 << 16, shape, 12).to(torch.int16)
    return FloatBits(torch.bfloat16, device=bits.device), bits.view(torch.bfloat16)


def inside(chosen: Distribution, symbols: Tensor) -> tuple[Distribution, Tensor]:
    """The symbols that are nearest to those and can be coded."""
    return chosen, chosen.clip(symbols)


def tape(kind: str, size: str, backend: BackendName, device: str = "cpu") -> str:
    """Draw, push other symbols, draw again: the hash of what is left."""
    with torch.device(device):
        return _tape(kind, size, backend, device)


def _tape(kind: str, size: str, backend: BackendName, device: str) -> str:
    mode, b, lanes = SHAPES[size]
    stack = BitStack(b, lanes, seed=2**40 + 17, mode=mode, backend=backend, device=device)
    if kind == "scale":
        x = (numbers(1 << 30, (b, 44), 13) - (1 << 29)).int()
        n = numbers(1 << 14, x.shape, 14) + 1
        y = stack.scale(x, n, 14)
        stack.unscale(y + 1, n + 3, 12)
        stack.scale(y, n, 14)
        return stack.digest()
    chosen, symbols = distribution(kind, b)
    stack.pop(chosen, symbols.shape)
    stack.push(symbols, chosen)
    stack.push(symbols, chosen)
    stack.pop(chosen, symbols.shape)
    return stack.digest()


def long_tape(kind: str, size: str, backend: BackendName, device: str = "cpu") -> str:
    """Many full steps far from the floor, then a part of them popped: the kernels' quick ways."""
    with torch.device(device):
        return _long_tape(kind, size, backend, device)


def _long_tape(kind: str, size: str, backend: BackendName, device: str) -> str:
    mode, b, lanes = LONG[size]
    stack = BitStack(b, lanes, seed=3, mode=mode, backend=backend, device=device)
    shape = (b, lanes * 72 + 1)
    if kind == "table":
        chosen: Distribution = Table.from_counts(numbers(500, (200,), 1))
        symbols = numbers(200, shape, 2)
    else:
        chosen = FloatBits(torch.bfloat16, device=device)
        symbols = (reals(shape, 3) * (1 + numbers(64, shape, 4))).to(chosen.dtype)
        symbols[:, 200:] = numbers(1 << 16, symbols[:, 200:].shape, 5).short().view(chosen.dtype)
    for _ in range(2):
        stack.push(symbols, chosen)
    stack.pop(chosen, shape)
    stack.pop(chosen, (b, shape[1] // 2))
    return stack.digest()


def tapes(backend: BackendName) -> dict[str, str]:
    """Hashes by name."""
    short = {f"{kind}-{size}": tape(kind, size, backend) for kind in KINDS for size in SHAPES}
    more = {f"{k}-{size}": long_tape(k, size, backend) for k in LONG_KINDS for size in LONG}
    return short | more


if __name__ == "__main__":
    found = tapes("triton" if sys.argv[1] == "triton" else "numba")
    if "--write" in sys.argv:
        GOLDEN.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(json.dumps(found))
