"""Entropies against sums over all symbols in float64; windows are in ``test_bounded``."""

import pytest
import torch

from revc.runtime.bits.dist import Categorical, FloatBits, Table, Uniform, WideUniform
from revc.runtime.bits.dist.base import Distribution

UNIT = float(1 << 32)


def expected(model: Distribution, symbols: torch.Tensor) -> torch.Tensor:
    """Sum of p * -log2 p over ``symbols`` [.., K], which are all of them."""
    bits = torch.stack([model.exact_length(s) for s in symbols.unbind(-1)], -1).double() / UNIT
    p = torch.exp2(-bits)
    total = p.sum(-1)
    assert torch.allclose(total, torch.ones_like(total), rtol=0, atol=1e-4)
    return (p * bits).sum(-1)


@pytest.mark.parametrize("classes", [1, 2, 40, 256, 257, 300])
@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
def test_categorical(classes: int, spread: float) -> None:
    logits = torch.randn((2, 3, classes), generator=torch.Generator().manual_seed(classes))
    model = Categorical(logits * spread)
    found = model.entropy_bits()
    assert found.shape == (2, 3)
    want = expected(model, torch.arange(classes).expand(2, 3, classes))
    assert float((found - want).abs().max()) < 1e-5


def test_categorical_in_three_digits() -> None:
    model = Categorical(torch.zeros(1, 70_000))
    assert abs(float(model.entropy_bits()) - 16.095) < 0.01


@pytest.mark.parametrize("counts", [[1], [1, 1], [5, 0, 99, 1000]])
def test_table(counts: list[int]) -> None:
    model = Table.from_counts(torch.tensor(counts))
    assert model.entropy_bits().shape == ()
    want = expected(model, torch.arange(len(counts)))
    assert abs(float(model.entropy_bits() - want)) < 1e-6
    assert abs(float(model.entropy_bits()) - model.entropy()) < 1e-6


def test_uniform() -> None:
    assert float(Uniform(1000).entropy_bits()) == pytest.approx(9.96578)
    n = torch.tensor([[1, 2, 70_000], [5, 65_536, 1 << 32]])
    assert torch.equal(WideUniform(n).entropy_bits(), torch.log2(n.double()))
    small = n.clamp(max=65_536)
    assert torch.equal(Uniform(small).entropy_bits(), torch.log2(small.double()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_float_patterns(dtype: torch.dtype) -> None:
    model = FloatBits(dtype)
    patterns = torch.arange(1 << 16).to(torch.int16).view(dtype)
    bits = model.exact_length(patterns).double() / UNIT
    p = torch.exp2(-bits)
    assert abs(float(p.sum()) - 1) < 1e-6
    assert abs(float((p * bits).sum()) - float(model.entropy_bits())) < 1e-5
