"""Raw float patterns survive the coder, every one of them, at the sizes of the design."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import FloatBits
from revc.runtime.bits.errors import ParameterError, SymbolError
from tests.bits.laws import LAW

INTEGERS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}
DTYPES = pytest.mark.parametrize("dtype", list(INTEGERS), ids=str)


def bits(values: Tensor) -> Tensor:
    return values.view(INTEGERS[values.dtype])


def check(values: Tensor, distribution: FloatBits) -> None:
    stack = BitStack(values.shape[0], 4, seed=8)
    before = stack.digest()
    stack.push(values, distribution)
    assert torch.equal(bits(stack.pop(distribution, values.shape)), bits(values))
    assert stack.digest() == before
    drawn = stack.pop(distribution, values.shape)
    stack.push(drawn, distribution)
    assert stack.digest() == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_every_pattern_of_16_bits(dtype: torch.dtype) -> None:
    patterns = torch.arange(-(1 << 15), 1 << 15).to(torch.int16).reshape(8, -1)
    check(patterns.view(dtype), FloatBits(dtype))
    check(patterns.view(dtype), FloatBits.fit(patterns.view(dtype)))


@LAW
@given(st.integers(0, 1 << 40))
def test_random_patterns_of_32_bits(seed: int) -> None:
    patterns = torch.randint(
        -(1 << 31), 1 << 31, (2, 40), generator=torch.Generator().manual_seed(seed)
    )
    patterns[:, ::5] &= -(1 << 31) | 0x7FFFFF
    patterns[:, ::10] &= -(1 << 31)
    check(patterns.to(torch.int32).view(torch.float32), FloatBits(torch.float32))


@DTYPES
def test_special_values(dtype: torch.dtype) -> None:
    info = torch.finfo(dtype)
    specials = [0.0, -0.0, float("inf"), float("-inf"), float("nan"), info.tiny, -info.tiny]
    specials += [info.smallest_normal / 2, info.max, info.min, 1.0, -1.0, info.eps]
    values = torch.tensor([specials], dtype=torch.float64).to(dtype)
    nan = bits(values.clone())
    nan[0, 4] |= 1
    check(nan.view(dtype), FloatBits(dtype))
    check(values[:, :, None].expand(1, 13, 7), FloatBits(dtype))


# Sizes in parts of the raw width; the design measured 0.659, 0.847 and 0.830.
@pytest.mark.parametrize(
    ("dtype", "target"),
    [(torch.bfloat16, 0.662), (torch.float16, 0.850), (torch.float32, 0.832)],
    ids=str,
)
def test_size_of_normal_tensors(dtype: torch.dtype, target: float) -> None:
    values = torch.randn((4, 1 << 16), generator=torch.Generator().manual_seed(1)).to(dtype)
    stack = BitStack(4)
    before = stack.size()
    distribution = FloatBits(dtype)
    stack.push(values, distribution)
    width = values.element_size() * 8
    part = int((stack.size() - before).sum()) / UNIT / values.numel() / width
    assert target - 0.02 < part <= target
    assert int(distribution.shannon(values).sum()) / UNIT / values.numel() / width <= target


def test_exact_zeros_are_cheap() -> None:
    values = torch.relu(torch.randn((2, 5000), generator=torch.Generator().manual_seed(1)))
    fitted = FloatBits.fit(values)
    per_value = float(fitted.code_length(values).mean())
    assert per_value < 1 + 0.5 * (23 + 2.6) + 0.2
    check(values, fitted)


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="float64"):
        FloatBits(torch.float64)
    with pytest.raises(ParameterError, match="514 classes"):
        FloatBits(torch.bfloat16, torch.ones(512, dtype=torch.int64))
    with pytest.raises(SymbolError, match="bfloat16"):
        BitStack(1).push(torch.zeros(1, 4), FloatBits(torch.bfloat16))
