"""What is pushed comes back, the stack is what it was, and its size agrees with the books."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import LENGTH_UNIT, UNIT
from revc.runtime.bits.dist import (
    Categorical,
    Distribution,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
    raw_bits,
)
from tests.bits.laws import FEW, LAW

SLACK = {Mode.WIDE: 7e-5, Mode.FAST: 3.0}
"""Most that up to three operations on a symbol can gain or lose: 2**16 / head bits each.

It averages out to far less; see test_excess.
"""

MODES = st.sampled_from(list(Mode))
SEEDS = st.integers(0, (1 << 63) - 1)
SEQUENCES = st.integers(0, 3)
LANES = st.sampled_from([1, 2, 7, 32])
LENGTHS = st.sampled_from([0, 1, 2, 31, 32, 33, 100])


def random(shape: tuple[int, ...], high: int, seed: int) -> Tensor:
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def check(stack: BitStack, symbols: Tensor, distribution: Distribution) -> None:
    """Push and pop from wherever the stack is now, then draw and push back."""
    before, size = stack.digest(), stack.size()
    stack.push(symbols, distribution)
    grown = stack.size() - size
    booked = distribution.shannon(symbols)
    slack = SLACK[stack.mode] * symbols[:1].numel()
    assert ((grown - booked).abs() / UNIT <= slack).all(), "bits grow by the model's length"
    assert torch.equal(stack.pop(distribution, symbols.shape).long(), symbols.long())
    assert stack.digest() == before
    drawn = stack.pop(distribution, symbols.shape)
    stack.push(drawn, distribution)
    assert stack.digest() == before


@LAW
@given(MODES, SEEDS, SEQUENCES, LANES, LENGTHS, st.integers(1, 1 << 31))
def test_uniform(mode: Mode, seed: int, sequences: int, lanes: int, length: int, n: int) -> None:
    stack = BitStack(sequences, lanes, seed, mode=mode)
    check(stack, random((sequences, length), n, seed), Uniform(n))


@LAW
@given(MODES, SEEDS, SEQUENCES, LANES, LENGTHS, st.integers(0, 32))
def test_wide_uniform(
    mode: Mode, seed: int, sequences: int, lanes: int, length: int, bits: int
) -> None:
    shape = (sequences, length)
    n = (random(shape, 1 << 32, seed) >> (32 - bits)) + 1
    n[:, ::5] = torch.tensor([1 << 32, 1, 65536, 65537, (1 << 32) - 1])[seed % 5]
    stack, model = BitStack(sequences, lanes, seed, mode=mode), WideUniform(n)
    symbols = random(shape, 1 << 62, seed) % n
    check(stack, symbols, model)
    check(stack, n - 1, model)
    drawn = stack.pop(model)
    assert drawn.dtype == torch.int64
    assert bool(((drawn >= 0) & (drawn < n)).all())
    assert bool(model.inside(drawn).all())
    assert not bool(model.inside(n).any())
    assert torch.equal(model.clip(n), n - 1)
    real = model.code_length(drawn).double()
    assert bool(((model.exact_length(n - n).double() / LENGTH_UNIT - real).abs() < 1e-4).all())


@LAW
@given(MODES, SEEDS, st.integers(1, 3), LANES, LENGTHS, st.integers(1, 1 << 15), st.booleans())
def test_table(
    mode: Mode, seed: int, sequences: int, lanes: int, length: int, k: int, extreme: bool
) -> None:
    counts = random((k,), 1000, seed)
    if extreme:
        counts = torch.zeros(k, dtype=torch.int64)
        counts[seed % k] = 1 << 44
    stack = BitStack(sequences, lanes, seed, mode=mode)
    stack.push(random((sequences, 50), 7, seed), Uniform(7))
    check(stack, random((sequences, length), k, seed), Table.from_counts(counts))


def test_a_sure_symbol_is_free() -> None:
    stack = BitStack(2)
    before = stack.digest()
    stack.push(torch.zeros(2, 1000, dtype=torch.int64), Table(torch.tensor([65536])))
    stack.push(torch.zeros(2, 1000, dtype=torch.int64), Uniform(1))
    stack.push(torch.zeros(2, 1000, dtype=torch.int64), raw_bits(0))
    assert stack.digest() == before


@pytest.mark.parametrize("k", [1, 2, 255, 256, 257, 1000, 65535, 65536, 65537, 1 << 20])
def test_categorical_alphabets(k: int) -> None:
    shape = (2, 1 if k > 99999 else 3, k)
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(k)) * 3
    stack = BitStack(2, 2, seed=k)
    symbols = random(tuple(logits.shape[:2]), k, k)
    symbols[0, 0], symbols[1, -1] = 0, k - 1
    check(stack, symbols, Categorical(logits))
    assert int(stack.pop(Categorical(logits)).max()) < k


@FEW
@given(SEEDS, LANES, st.integers(1, 400), st.floats(0, 1e6))
def test_categorical_extremes(seed: int, lanes: int, k: int, spread: float) -> None:
    logits = torch.randn((2, 9, k), generator=torch.Generator().manual_seed(seed)) * spread
    check(BitStack(2, lanes, seed), random((2, 9), k, seed), Categorical(logits))


WINDOWS: dict[str, Callable[[Tensor, Tensor, Tensor, float], Distribution]] = {
    "logistic": lambda w, loc, scale, step: Logistic(loc[..., 0], scale[..., 0], step),
    "gaussian": lambda w, loc, scale, step: Gaussian(loc[..., 0], scale[..., 0], step),
    "mixture": Mixture,
    "gaussians": lambda w, loc, scale, step: Mixture(w, loc, scale, step, "gaussian"),
}


@LAW
@given(
    st.sampled_from(sorted(WINDOWS)), MODES, SEEDS, LANES, LENGTHS, st.floats(-9, 9),
    st.floats(-12, 12), st.sampled_from([1.0, 1 / 16, 3.7]),
)  # fmt: skip
def test_windows(
    kind: str, mode: Mode, seed: int, lanes: int, length: int, where: float, width: float,
    step: float,
) -> None:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    shape = (2, length, 3)
    loc = torch.randn(shape, generator=generator) * 10.0**where
    scale = torch.exp(torch.randn(shape, generator=generator) + width)
    weight = torch.randn(shape, generator=generator) * 4
    noise = torch.randn(shape[:2], generator=generator) * scale[..., 0] * 3
    symbols = torch.round((loc[..., 0] + noise) / step).clamp(-(1 << 31), (1 << 31) - 128).long()
    check(BitStack(2, lanes, seed, mode=mode), symbols, WINDOWS[kind](weight, loc, scale, step))


def test_every_int32_can_be_coded() -> None:
    ends = [-(1 << 31), (1 << 31) - 1, 0, -1, 1, 255, 256, 1 << 16, 1 << 24]
    symbols = torch.tensor([ends * 20])
    scale = torch.exp2(torch.arange(symbols.numel()) / 6.0 - 1)[None]
    for loc in (0.0, 2.0**31, -(2.0**31), 1e30):
        where = torch.full(symbols.shape, loc)
        check(BitStack(1, 3), symbols, Logistic(where, scale))
        check(BitStack(1, 3), symbols, Gaussian(where, scale))


def test_non_contiguous_tensors() -> None:
    stack, other = BitStack(4), BitStack(4)
    symbols = random((7, 5, 4), 99, 1).permute(2, 0, 1)
    table = Uniform(99)
    loc, scale = torch.randn(5, 7, 4).permute(2, 1, 0), torch.rand(4, 7, 10)[..., ::2] + 1
    for s, x, a, b in (
        (stack, symbols, loc, scale),
        (other, *map(torch.clone, (symbols, loc, scale))),
    ):
        s.push(x.contiguous() if s is other else x, table)
        s.push(x, Logistic(a, b))
    assert stack.digest() == other.digest()
    assert torch.equal(stack.pop(Logistic(loc, scale)), symbols)
    assert torch.equal(stack.pop(table, symbols.shape), symbols)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_integer_dtypes_leave_one_tape(dtype: torch.dtype) -> None:
    symbols = random((2, 100), 100, 5)
    stack, other = BitStack(2), BitStack(2)
    table = Table.from_counts(torch.arange(100))
    stack.push(symbols.to(dtype), table)
    other.push(symbols, table)
    assert stack.digest() == other.digest()


def test_bytes_pop_as_bytes() -> None:
    stack = BitStack(2)
    table = Table.from_counts(torch.arange(256), dtype=torch.uint8)
    symbols = random((2, 99), 256, 5).to(torch.uint8)
    stack.push(symbols, table)
    popped = stack.pop(table, symbols.shape)
    assert popped.dtype == torch.uint8
    assert torch.equal(popped, symbols)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0), (3, 0, 7)])
def test_empty_tensors(shape: tuple[int, ...]) -> None:
    stack = BitStack(shape[0])
    before, empty = stack.digest(), torch.zeros(shape, dtype=torch.int64)
    stack.push(empty, Uniform(5))
    stack.push(empty, Logistic(empty.float(), empty.float()))
    stack.push(empty, Categorical(torch.zeros(*shape, 300)))
    assert stack.pop(Uniform(5), shape).shape == shape
    assert stack.scale(empty.int(), empty, 4).shape == shape
    assert stack.digest() == before


def test_one_symbol_per_sequence() -> None:
    stack = BitStack(5)
    symbols = random((5,), 10, 1)
    stack.push(symbols, Uniform(10))
    assert torch.equal(stack.pop(Uniform(10), (5,)), symbols)


@LAW
@given(MODES, SEEDS, LANES, LENGTHS, st.integers(0, 16), st.integers(1, 65536))
def test_scaling(mode: Mode, seed: int, lanes: int, length: int, k: int, top: int) -> None:
    stack = BitStack(2, lanes, seed, mode=mode)
    n = random((2, length), top, seed) + 1
    x = random((2, length), 1 << 14, seed + 1).int() - (1 << 13)
    before, size = stack.digest(), stack.size()
    y = stack.scale(x, n, k)
    grown = (stack.size() - size).double() / UNIT
    expected = (k - torch.log2(n.double())).sum(-1)
    assert ((grown - expected).abs() <= SLACK[mode] * length).all()
    ratio = n.double() / 2**k
    assert ((y - x * ratio).abs() < ratio.clamp(min=1)).all()
    assert torch.equal(stack.unscale(y, n, k), x)
    assert stack.digest() == before


def test_entropy_of_a_drawn_reservoir() -> None:
    """Symbols drawn from a fresh stack follow their distribution (chi-squared, 9 degrees)."""
    table = Table.from_counts(torch.tensor([50, 1, 7, 9, 20, 3, 3, 2, 4, 1]))
    drawn = BitStack(64, seed=3).pop(table, (64, 3200))
    seen = torch.bincount(drawn.flatten(), minlength=10).double()
    want = table.freq.double() / 65536 * drawn.numel()
    assert float(((seen - want) ** 2 / want).sum()) < 33.7, "p < 1e-4"
    first = drawn.reshape(64, 100, 32)[:, -1]
    assert first.unique().numel() > 3, "the very first draws are random too"
    assert math.isclose(float(first.eq(0).float().mean()), 0.5, abs_tol=0.05)
