"""The kernels of lattice state give the bits of the operators; run with TRITON_INTERPRET=1."""

import numpy as np
import torch
from torch import Tensor

import tests.bits  # noqa: F401  what mends the interpreter
from revc.runtime.state import alloc_health, kernels, lattice
from revc.runtime.state.checksum import digest
from revc.runtime.state.lattice import INTEGERS, bounds

RANDOM = torch.Generator().manual_seed(1)
FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
FRACTIONS = {16: 8, 32: 20, 64: 40}


def state(width: int) -> Tensor:
    words = torch.randint(-(2**63), 2**63 - 1, (1500,), generator=RANDOM)
    return (words >> (64 - width)).to(INTEGERS[width])


def increments(dtype: torch.dtype) -> Tensor:
    """Of many sizes, with ties, and beyond every lattice."""
    powers = 2.0 ** torch.randint(-45, 45, (1500,), generator=RANDOM)
    values = torch.randn(1500, generator=RANDOM) * powers
    values[:200] = (torch.arange(200) - 100.5) * 2.0**-20
    values[200:204] = torch.tensor([torch.inf, -torch.inf, 1e30, -1e30])
    return values.to(dtype)


def same(ours: Tensor, theirs: Tensor) -> bool:
    return torch.equal(ours.cpu(), theirs)


def check(width: int, dtype: torch.dtype, device: str) -> None:
    raw, value, fraction = state(width), increments(dtype), FRACTIONS[width]
    ours = kernels.decode(raw.to(device), fraction, dtype)
    assert same(ours, lattice.decode(raw, fraction, dtype))
    for sign in (1, -1):
        ours, theirs = raw.clone().to(device), raw.clone()
        kernels.add_(ours, value.to(device), sign, fraction, *bounds(value.dtype, width))
        lattice.add_(theirs, value, sign, fraction)
        assert same(ours, theirs), (width, dtype, sign)
    assert ours._version == theirs._version == 1, "autograd sees that it was changed"


def check_health(dtype: torch.dtype, device: str) -> None:
    health, value = torch.tensor([0.25, 3.0, 5.0]), increments(dtype)[204:]
    value = value[value.isfinite()]
    scale = 2.0 ** (20 - 31)

    def watch(value: Tensor) -> Tensor:
        return kernels.watch(value.to(device), scale, health.to(device))

    assert same(watch(value), alloc_health.watch(value, 20, 32, health))
    assert same(watch(value * 0), health)
    value[7] = torch.nan
    assert watch(value)[0] == torch.inf


def check_sums(device: str) -> None:
    # On the device as many programs as there are; interpreted, few of as many turns.
    few = kernels.PROGRAMS if device == "cuda" else 8
    kernels.PROGRAMS, most = few, 3 * few * kernels.BLOCK // 2
    for count in (1, 1023, 1024, 5000, most, most + 1025):
        words = torch.randint(-(2**63), 2**63 - 1, (count,), generator=RANDOM)
        total = torch.zeros((), dtype=torch.int64, device=device)
        kernels.add_checksum(words.to(device), total)
        assert same(total, digest(words)), count


def main(device: str = "cpu") -> None:
    np.seterr(over="ignore")  # float16 overflows to infinity in both
    for width in INTEGERS:
        for dtype in FLOATS:
            check(width, dtype, device)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        check_health(dtype, device)
    check_sums(device)


if __name__ == "__main__":
    main()
