"""Softsign on integers: exact, monotone, and a bijection with its remainder."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from revc.runtime.state.softsign import (
    SoftsignError,
    softsign_count,
    softsign_forward,
    softsign_in_range,
    softsign_inverse,
)


def nearest(x: int, fraction_bits: int) -> int:
    """The lattice point nearest to softsign, halves away from zero, in Python's integers."""
    below = abs(x) + (1 << fraction_bits)
    magnitude = (2 * (abs(x) << fraction_bits) + below) // (2 * below)
    return magnitude if x >= 0 else -magnitude


@pytest.mark.parametrize("fraction_bits", range(16))
def test_every_int16(fraction_bits: int) -> None:
    x = torch.arange(-(1 << 15), 1 << 15).to(torch.int16)
    y, remainder, count = softsign_forward(x, fraction_bits)
    assert y.dtype == torch.int16
    assert y.tolist() == [nearest(v, fraction_bits) for v in x.tolist()]
    assert bool((y.diff() >= 0).all())
    assert bool(((remainder >= 0) & (remainder < count)).all())
    assert torch.equal(softsign_inverse(y, remainder, fraction_bits, 16), x)
    image, first, sizes = reference_runs(y)
    lowest, counts = softsign_count(image, fraction_bits)
    assert torch.equal(lowest, x.long()[first])
    assert torch.equal(counts, sizes)
    every = torch.arange(-(1 << 15), 1 << 15)
    assert torch.equal(every[softsign_in_range(every, fraction_bits, 16)], image.long())


def reference_runs(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The values in monotone `y`, where each starts, and how often it comes."""
    image, sizes = torch.unique_consecutive(y, return_counts=True)
    return image, sizes.cumsum(0) - sizes, sizes


BITS = st.sampled_from([0, 1, 8, 16, 20, 24, 30, 31])
ENDS = st.sampled_from([-(1 << 31), (1 << 31) - 1, -1, 0, 1])


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1) | ENDS, min_size=1), BITS)
@example([-(1 << 31), (1 << 31) - 1, 0, 1, -1], 20)
@example([-(1 << 31), (1 << 31) - 1, 0, 1, -1], 31)
@example([-(1 << 31), (1 << 31) - 1, 0, 1, -1], 0)
def test_int32(values: list[int], fraction_bits: int) -> None:
    x = torch.tensor(values, dtype=torch.int32)
    y, remainder, count = softsign_forward(x, fraction_bits)
    assert y.tolist() == [nearest(v, fraction_bits) for v in values]
    assert torch.equal(softsign_inverse(y, remainder, fraction_bits, 32), x)
    assert bool(softsign_in_range(y, fraction_bits, 32).all())
    lowest, again = softsign_count(y, fraction_bits)
    assert torch.equal(again, count)
    for value, low, size in zip(y.tolist(), lowest.tolist(), count.tolist(), strict=True):
        check_run(value, low, low + size - 1, fraction_bits)


def check_run(y: int, low: int, high: int, fraction_bits: int) -> None:
    """Both ends have this Y, and their neighbours outside have another or do not exist."""
    assert nearest(low, fraction_bits) == nearest(high, fraction_bits) == y
    assert low == -(1 << 31) or nearest(low - 1, fraction_bits) < y
    assert high == (1 << 31) - 1 or nearest(high + 1, fraction_bits) > y


@given(st.integers(-(1 << 31), (1 << 31) - 1), BITS)
@example(1 << 20, 20)
@example((1 << 31) - 1, 31)
@example(-(1 << 31), 31)
def test_values_out_of_range_are_told(y: int, fraction_bits: int) -> None:
    lowest, highest = nearest(-(1 << 31), fraction_bits), nearest((1 << 31) - 1, fraction_bits)
    found = bool(softsign_in_range(torch.tensor([y]), fraction_bits, 32))
    if not lowest <= y <= highest:
        assert not found
    elif found:
        low, count = softsign_count(torch.tensor([y], dtype=torch.int32), fraction_bits)
        check_run(y, int(low), int(low + count) - 1, fraction_bits)


def test_the_map_skips_nothing_between_its_ends() -> None:
    y = torch.arange(-(1 << 8), (1 << 8) + 1)
    assert bool(softsign_in_range(y, 8, 32).all())
    assert softsign_in_range(torch.tensor([-257, 257]), 8, 32).tolist() == [False, False]


@pytest.mark.parametrize(("fraction_bits", "width"), [(20, 64), (32, 32), (16, 16), (-1, 32)])
def test_other_lattices_are_refused(fraction_bits: int, width: int) -> None:
    with pytest.raises(SoftsignError, match="no exact form"):
        softsign_in_range(torch.zeros(1), fraction_bits, width)
