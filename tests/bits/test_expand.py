"""Keys and what they expand to: the reference's Philox, on every back end."""

import pytest
import torch

from revc.runtime.bits.expand import _by_operators, below, key_number, words
from revc.runtime.bits.reference import philox

CPU = torch.device("cpu")
KEY = key_number(12345678901234567, 7)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 9, 64, 1001])
@pytest.mark.parametrize("draw", [0, 3])
def test_words_are_the_reference_s(count: int, draw: int) -> None:
    quarter = -(-count // 4)
    wanted = [
        philox((i % quarter, draw, KEY[2], KEY[3]), KEY[:2])[i // quarter] for i in range(count)
    ]
    assert words(KEY, draw, count, CPU).tolist() == wanted
    by_operators = _by_operators(KEY, draw, torch.empty(count, dtype=torch.int64))
    assert by_operators.tolist() == wanted


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("bound", [0, 1 << 30, 1 << 31, 1 << 32])
def test_masks_compare_the_words(bound: int, dtype: torch.dtype) -> None:
    for count in (1, 6, 1001):
        wanted = (words(KEY, 1, count, CPU) < bound).to(dtype)
        assert torch.equal(below(KEY, 1, bound, count, CPU, dtype), wanted)


def test_keys_and_draws_differ() -> None:
    keys = {key_number(seed, index) for seed in (0, 1, 1 << 62) for index in (0, 1, 1 << 40)}
    assert len(keys) == 9
    rows = [words(key, draw, 64, CPU) for key in sorted(keys) for draw in (0, 1)]
    assert len({tuple(row.tolist()) for row in rows}) == 18


def test_words_are_uniform() -> None:
    found = words(KEY, 0, 1 << 16, CPU)
    ones = torch.stack([(found >> bit & 1).double().mean() for bit in range(32)])
    assert (ones - 0.5).abs().max() < 5 * 0.5 / (1 << 8)
    assert found.min() >= 0
    assert found.max() < 1 << 32
