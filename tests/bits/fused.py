"""The kernels that stand in for many operators give their integers; run with TRITON_INTERPRET=1."""

import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.dist.base import in_units as summed
from revc.runtime.bits.gpu.grid import kept, snapped
from revc.runtime.bits.gpu.length import in_units, window_lengths
from revc.runtime.bits.snap import snap_loc, snap_scale
from revc.runtime.bits.window import REGULAR, interval, window_of

RANDOM = torch.Generator().manual_seed(1)
ODD = torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0, -1.0, 0.5])


def reals(count: int) -> Tensor:
    """Numbers of many sizes, the odd ones in front."""
    powers = 10.0 ** torch.randint(-3, 9, (count,), generator=RANDOM)
    return torch.cat((ODD, torch.randn(count, generator=RANDOM) * powers))


def usable(values: Tensor) -> Tensor:
    return torch.nan_to_num(values.double(), nan=1.0)


def check_snap(dtype: torch.dtype, step: float) -> None:
    loc, scale = reals(500).to(dtype), reals(500).to(dtype)
    *grid, bad = snapped(loc, scale, step)
    assert torch.equal(grid[0], snap_loc(usable(loc), step))
    assert torch.equal(grid[1], snap_scale(usable(scale), step))
    assert bad.tolist() == [True, True]
    assert not snapped(loc[len(ODD) :], scale[len(ODD) :].abs() + 1e-3, step)[2].any()


def check_windows(family: str, components: int) -> None:
    shape = (300, components)
    loc = torch.randint(-(2**39), 2**39, shape, generator=RANDOM)
    loc[::2] >>= 25
    scale = torch.randint(0, 256, shape, generator=RANDOM).to(torch.uint8)
    symbols = torch.randint(-(2**31), 2**31, shape[:1], generator=RANDOM).int()
    symbols[::2] >>= 22
    low, high = window_of(family, loc, scale).ends()
    inside, bad = kept(symbols, family, loc, scale)
    assert torch.equal(inside.long(), symbols.long().clamp(low, high))
    assert bool(bad)
    again, bad = kept(inside, family, loc, scale)
    assert torch.equal(again, inside)
    assert not bad


def check_lengths(family: str, components: int, bounded: bool) -> None:
    shape = (600, components)
    loc = torch.randint(-(2**39), 2**39, shape, generator=RANDOM)
    loc[::2] >>= 25
    scale = torch.randint(0, 256, shape, generator=RANDOM).to(torch.uint8)
    shares = torch.rand(shape, generator=RANDOM).cumsum(-1)
    cuts = (shares / shares[:, -1:] * 65536).long()
    weight = torch.diff(cuts, dim=-1, prepend=torch.zeros(600, 1)).int()
    symbols = torch.randint(-(2**31), 2**31, shape[:1], generator=RANDOM)
    symbols[::2] >>= 22
    symbols[::3] = (loc[::3, 0] >> 8).clamp(-(2**31), 2**31 - 1)
    wanted = interval(family, symbols.int(), weight, loc, scale, bounded)
    found = window_lengths(family, symbols.int(), weight, loc, scale, REGULAR[bounded], bounded)
    assert bounded or bool((wanted.start == 65535).any()), "escapes are among them"
    assert torch.equal(found, wanted.length())
    whole = found.reshape(4, -1)
    assert torch.equal(in_units(whole), summed(whole))
    assert torch.equal(in_units(whole[:, :0]), summed(whole[:, :0]))


def check_sizes(sequences: int, lanes: int) -> None:
    found = []
    for backend in ("numba", "triton"):
        stack = BitStack(sequences, lanes, seed=5, backend=backend)  # type: ignore[arg-type]
        symbols = torch.arange(sequences * (2 * lanes + 7)).reshape(sequences, -1) % 1000
        stack.push(symbols, Uniform(1000))
        stack.pop(Uniform(77), (sequences, 4 * lanes))
        found.append(stack.size())
    assert torch.equal(*found)


def main() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        for step in (1.0, 1 / 16, 0.3):
            check_snap(dtype, step)
    for family in ("logistic", "gaussian"):
        for components in (1, 3):
            check_windows(family, components)
            for bounded in (False, True):
                check_lengths(family, components, bounded)
    for lanes in (1, 32, 33, 600):
        check_sizes(2, lanes)


if __name__ == "__main__":
    main()
