"""What coding costs beyond the entropy: the coder's own loss, and that of the integer models."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import LENGTH_UNIT, UNIT
from revc.runtime.bits.dist import Categorical, Distribution, Gaussian, Logistic, Mixture, Table

COUNT = 200_000


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def table() -> Table:
    return Table.from_probabilities(2.0 ** (-torch.arange(64) / 6.0))


def loss(mode: Mode, distribution: Distribution, symbols: Tensor) -> float:
    """Booked less Shannon, in bits a symbol."""
    stack = BitStack(symbols.shape[0], mode=mode)
    before = stack.size()
    stack.push(symbols, distribution)
    gap = stack.size() - before - distribution.shannon(symbols)
    return float(gap.sum()) / UNIT / symbols.numel()


def test_the_coder_loses_less_than_a_millionth_of_a_bit() -> None:
    chosen = table()
    p = chosen.freq.double() / 65536
    symbols = torch.multinomial(p, COUNT, replacement=True, generator=generator(1)).reshape(4, -1)
    assert abs(loss(Mode.WIDE, chosen, symbols)) <= 1e-6
    assert 1e-3 <= loss(Mode.FAST, chosen, symbols) <= 8e-3


def test_exact_scaling_costs_the_logarithm_of_its_determinant() -> None:
    stack = BitStack(2)
    n = torch.randint(1 << 9, 1 << 16, (2, COUNT), generator=generator(2))
    x = torch.randint(-(1 << 24), 1 << 24, n.shape, generator=generator(3)).int()
    stack.push(x & 0xFF, Table.from_counts(torch.ones(256, dtype=torch.int64)))
    before = stack.size()
    y = stack.scale(x, n, 15)
    grown = float((stack.size() - before).sum()) / UNIT
    wanted = float((15 - torch.log2(n.double())).sum())
    assert abs(grown - wanted) / n.numel() <= 1e-6
    assert torch.equal(stack.unscale(y, n, 15), x)


Make = Callable[[Tensor, Tensor], Distribution]


def excess(make: Make, count: int, width: float, seed: int) -> Tensor:
    """Expected integer length less the real-valued entropy [count], by summing over symbols."""
    scale = (
        torch.exp(torch.rand((count, 1), generator=generator(seed), dtype=torch.float64) * 4.8) / 2
    )
    loc = torch.rand((count, 1), generator=generator(seed + 1), dtype=torch.float64) * 10 - 5
    reach = int(width * float(scale.max())) + 8
    symbols = torch.arange(-reach, reach + 1).expand(count, -1)
    model = make(loc.expand(symbols.shape), scale.expand(symbols.shape))
    real = model.code_length(symbols)
    mass = torch.exp2(-real)
    assert float((mass.sum(-1) - 1).abs().max()) < 1e-6
    return ((model.exact_length(symbols) / LENGTH_UNIT - real) * mass).sum(-1)


def three(loc: Tensor, scale: Tensor) -> Distribution:
    offsets = torch.tensor([-1.0, 0.3, 2.0], dtype=torch.float64)
    where = loc[..., None] + offsets * scale[..., None]
    width = scale[..., None] * torch.tensor([1.0, 0.7, 1.4], dtype=torch.float64)
    return Mixture(offsets.expand(where.shape), where, width)


@pytest.mark.parametrize(
    ("make", "width", "mean"),
    [(Logistic, 16, 0.0025), (Gaussian, 6, 0.0035), (three, 25, 0.004)],
    ids=["logistic", "gaussian", "mixture"],
)
def test_integer_cdfs_cost_at_most_0_005_bit(make: Make, width: float, mean: float) -> None:
    found = excess(make, 60, width, 7)
    assert float(found.min()) > -1e-6, "no code beats the entropy"
    assert float(found.max()) <= 0.005
    assert float(found.mean()) <= mean


@pytest.mark.parametrize(("k", "limit"), [(2, 1e-4), (10, 5e-4), (256, 0.006)])
def test_softmax_costs_its_leak(k: int, limit: float) -> None:
    logits = torch.randn((20, 1, k), generator=generator(k), dtype=torch.float64) * 3
    real = torch.log_softmax(logits[:, 0], -1) / math.log(2)
    lengths = Categorical(logits.expand(20, k, k)).exact_length(torch.arange(k).expand(20, k))
    found = (torch.exp2(real) * (lengths / LENGTH_UNIT + real)).sum(-1)
    assert float(found.min()) > -1e-6
    assert float(found.max()) <= limit


def test_a_large_softmax_costs_no_more() -> None:
    row = torch.randn((1, 10_000), generator=generator(9), dtype=torch.float64) * 3
    symbols = torch.multinomial(
        torch.softmax(row, -1), 400, replacement=True, generator=generator(8)
    )
    model = Categorical(row[:, None].expand(1, 400, -1))
    gap = model.exact_length(symbols) / LENGTH_UNIT - model.code_length(symbols)
    assert -0.001 < float(gap.mean()) <= 0.006


def test_a_logistic_symbol_costs_at_least_1_1_bits() -> None:
    """The floor of half a step under every scale is what makes a budget provably impossible."""
    loc = torch.zeros(1, 1)
    for tiny in (1e-30, 1e-3, 0.5):
        model = Logistic(loc, torch.full_like(loc, tiny))
        assert int(model.exact_length(torch.zeros(1, 1, dtype=torch.int64))) / LENGTH_UNIT > 1.1
        assert float(model.code_length(torch.zeros(1, 1))) > 1.1
