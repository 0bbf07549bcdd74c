"""Codes of activations: what comes back is near, and takes the bytes that were allowed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

pytest.importorskip("pywt")

from revc.planning.lossy import wavelet
from revc.planning.lossy.code import Coded, cap, decode, encode, fits
from revc.planning.lossy.rates import rate, step, water_level


def coded(value: Tensor, bits: float) -> Coded:
    found = encode(value, bits)
    assert found is not None
    return found


def error(value: Tensor, found: Coded) -> float:
    return float((decode(found).double() - value.double()).norm())


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def smooth(batch: int, time: int, channels: int) -> Tensor:
    places = torch.linspace(0, 6, time)[:, None] * (1 + torch.arange(channels) / channels)
    return torch.sin(places + torch.arange(batch)[:, None, None])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 3), st.integers(16, 200), st.integers(1, 40),
    st.sampled_from([1.5, 3.0, 6.0]), st.integers(0, 99),
)  # fmt: skip
def test_the_error_is_bounded_by_the_step(
    batch: int, time: int, channels: int, bits: float, seed: int
) -> None:
    value = noise(batch, time, channels, seed=seed)
    found = coded(value, bits)
    bands = wavelet.forward(value.numpy())
    left_out = sum(
        float((band.astype(np.float64) ** 2).sum())
        for index, (band, there) in enumerate(zip(bands, found.bands, strict=True))
        if index and not there
    )
    values = sum(band.size for band in bands)
    # Where halves are not whole, the transform is not quite orthonormal.
    bound = math.sqrt(values * (found.step / 2) ** 2 + left_out)
    assert error(value, found) <= 1.5 * bound + 1e-4
    assert found.nbytes <= cap(value, bits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(64, 80), (2, 64, 48), (2, 3, 33, 24)])
def test_dtypes_and_shapes_come_back(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    value = noise(*shape).to(dtype)
    back = decode(coded(value, 8.0))
    assert (back.dtype, back.shape) == (dtype, value.shape)
    assert float((back.double() - value.double()).norm() / value.double().norm()) < 0.02


def test_views_with_strides_are_coded_as_they_read() -> None:
    value = noise(2, 48, 64).transpose(1, 2)
    assert torch.equal(decode(coded(value, 6.0)), decode(coded(value.contiguous(), 6.0)))


def test_more_bits_err_less_and_take_more() -> None:
    value = smooth(2, 128, 32) + 0.1 * noise(2, 128, 32)
    found = [coded(value, bits) for bits in (1.0, 2.0, 4.0, 6.0, 8.0)]
    errors = [error(value, one) for one in found]
    assert errors == sorted(errors, reverse=True)
    assert [one.nbytes for one in found] == sorted(one.nbytes for one in found)
    assert [one.step for one in found] == sorted((one.step for one in found), reverse=True)


def test_a_code_is_the_same_every_time() -> None:
    value = noise(2, 64, 48)
    one, other = coded(value, 3.0), coded(value, 3.0)
    assert torch.equal(one.data, other.data)
    assert torch.equal(one.scales, other.scales)


def test_smooth_signals_err_less_than_shuffled_ones() -> None:
    value = smooth(4, 256, 32)
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    assert error(value, coded(value, 3.0)) < error(value, coded(value[:, order], 3.0)) / 4


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_constants_and_lines_need_few_bits(slope: float) -> None:
    line = 2.5 + slope * torch.linspace(0, 1, 256)[:, None].expand(2, 256, 16)
    found = coded(line.contiguous(), 2.0)
    # The axis is taken to be a ring: at its ends a line has a jump.
    assert error(line, found) / float(line.norm()) < (1e-6 if not slope else 0.01)


def test_what_is_small_or_no_float_or_not_finite_is_not_coded() -> None:
    assert not fits(noise(8, 8))
    assert not fits(torch.zeros(100_000, dtype=torch.int64).view(100, 1000))
    assert not fits(torch.zeros(100_000))
    assert not fits(noise(8, 1000))
    assert fits(noise(64, 64))
    value = noise(64, 64)
    value[3, 4] = torch.inf
    assert encode(value, 4.0) is None


def test_water_fills_the_bands_of_most_variance() -> None:
    variances, counts = np.array([16.0, 1.0, 0.01]), np.array([10.0, 10.0, 20.0])
    for bits in (0.1, 0.5, 1.0, 3.0):
        level = water_level(variances, counts, bits)
        assert rate(variances, counts, level) == pytest.approx(bits, abs=1e-6)
    assert water_level(variances, counts, 0.1) > 1.0
    assert step(1.0) == pytest.approx(math.sqrt(12))
    assert water_level(np.zeros(3), counts, 2.0) == 0.0
