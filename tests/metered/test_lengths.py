"""Code lengths against distributions computed otherwise."""

import decimal
import math
from collections.abc import Iterator
from decimal import Decimal

import pytest
import torch

from revc.runtime.metered.lengths import code_length, unpack
from revc.runtime.metered.lengths_vjp import code_length_vjp
from tests.metered.lengths_cases import DTYPES, F64, LATTICE, SINGLE, case, close

# --- oracles -------------------------------------------------------------------------------------


@pytest.fixture
def digits() -> Iterator[None]:
    """Decimals of 80 digits, whose exponents reach far enough for e**-(10**9)."""
    with decimal.localcontext(decimal.Context(prec=80, Emin=-(10**12), Emax=10**12)):
        yield


def logistic_tail(x: Decimal) -> Decimal:
    return 1 / (1 + x.exp())


def normal_tail(x: Decimal) -> Decimal:
    """By its series, or further out by its continued fraction."""
    density = (-x * x / 2).exp() / (
        2 * Decimal("3.14159265358979323846264338327950288419717")
    ).sqrt()
    if x > 6:
        fraction = x
        for k in range(400, 0, -1):
            fraction = x + k / fraction
        return density / fraction
    term = total = x
    for k in range(1, 200):
        term = term * x * x / (2 * k + 1)
        total += term
    return Decimal("0.5") - density * total


def oracle(family: str, value: float, loc: float, scale: float, step: float) -> float:
    """-log2 of the mass, from the tail on the far side of the location."""
    away, half = abs(Decimal(value) - Decimal(loc)), Decimal(step) / 2
    tail = logistic_tail if family == "logistic" else normal_tail
    mass = tail((away - half) / Decimal(scale)) - tail((away + half) / Decimal(scale))
    return float(-mass.ln() / Decimal(2).ln())


AWAY = (0.0, 1e-9, 0.01, 0.3, 1.0, 2.5, 7.0, 40.0, 300.0, 1e4)
SPREAD = (-1e3, -30.0, -3.0, -0.5, 0.0, 2.0, 30.0, 1e3)


@pytest.mark.usefixtures("digits")
@DTYPES
@pytest.mark.parametrize("family", SINGLE)
def test_lengths_are_those_of_the_masses_however_far_out(family: str, dtype: torch.dtype) -> None:
    away = torch.tensor([-x for x in AWAY] + list(AWAY), dtype=dtype)
    params = torch.tensor([[0.25, s] for s in SPREAD], dtype=dtype)
    scale = unpack(family, params, 0.5)[2]
    value = 0.25 + scale * away
    params = torch.stack((params[:, :1].expand_as(value), params[:, 1:].expand_as(value)), 1)
    found = code_length(family, value, params.flatten(1), 0.5)
    want = [
        [oracle(family, v, 0.25, s, 0.5) for v in row]
        for row, s in zip(value.tolist(), scale.flatten().tolist(), strict=True)
    ]
    rtol = 2e-5 if dtype == torch.float32 else 1e-11
    assert torch.allclose(found.double(), torch.tensor(want, dtype=F64), rtol=rtol, atol=0)


@pytest.mark.usefixtures("digits")
@DTYPES
@pytest.mark.parametrize("family", SINGLE)
@pytest.mark.parametrize("power", range(0, 31, 3))
def test_fine_steps_lose_no_accuracy(family: str, dtype: torch.dtype, power: int) -> None:
    """Steps far below the scale, where two values of F are nearly the same."""
    step = 2.0**-power
    params = torch.tensor([0.0, 0.0, 0.0, 0.5, 0.5, 0.5], dtype=dtype)
    value = torch.tensor([0.0, -0.75, 6.0], dtype=dtype)
    scale = unpack(family, params, step)[2][0].item()
    found = code_length(family, value, params, step)
    want = torch.tensor([oracle(family, v, 0.0, scale, step) for v in value.tolist()], dtype=F64)
    atol = 8e-5 if dtype == torch.float32 else 1e-10
    assert torch.allclose(found.double(), want, rtol=0, atol=atol)


def test_normal_masses_are_those_of_torch() -> None:
    value, params = case("gaussian", (4, 7))
    value = value / 4  # torch subtracts two values of F, which are the same further out
    _, loc, scale = unpack("gaussian", params, 0.5)
    normal = torch.distributions.Normal(loc, scale)
    mass = normal.cdf(value + 0.25) - normal.cdf(value - 0.25)
    close(code_length("gaussian", value, params, 0.5), -mass.log2(), 1e-6)


def test_mixture_masses_are_those_of_torch() -> None:
    value, params = case("logistic_mixture", (4, 7))
    value = value / 4  # torch subtracts two values of F, which are the same further out
    logits, loc, scale = unpack("logistic_mixture", params, 0.5, 3)
    assert logits is not None
    assert logits.shape == loc.shape == scale.shape == (4, 7, 3)
    base = torch.distributions.Uniform(torch.zeros_like(loc), 1, validate_args=False)
    parts = [torch.distributions.SigmoidTransform().inv,
             torch.distributions.AffineTransform(loc, scale)]  # fmt: skip
    logistic = torch.distributions.TransformedDistribution(base, parts, validate_args=False)
    edges = [logistic.cdf(value[..., None] + side) for side in (0.25, -0.25)]
    mass = (logits.softmax(-1) * (edges[0] - edges[1])).sum(-1)
    found = code_length("logistic_mixture", value, params, 0.5, 3)
    close(found, -mass.log2(), 1e-6)


@pytest.mark.parametrize("family", LATTICE)
def test_masses_sum_to_one(family: str) -> None:
    params = case(family, (1,))[1].expand(4001, -1)
    value = torch.arange(-2000, 2001, dtype=F64)[:, None] * 0.25
    total = torch.exp2(-code_length(family, value, params, 0.25, 3)).sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


def test_chances_of_labels_sum_to_one() -> None:
    params = case("softmax", (1,))[1].expand(5, -1)
    assert torch.exp2(-code_length("softmax", torch.arange(5), params)).sum().item() == (
        pytest.approx(1)
    )
    both = torch.exp2(-code_length("dropout", torch.arange(2), None, p=0.2))
    assert both.tolist() == pytest.approx([0.2, 0.8])
    assert code_length("dropout", torch.arange(2), None, p=0.0).tolist() == [math.inf, 0]
    found = code_length("uniform", torch.arange(6).view(2, 3), None, n=6)
    assert found.shape == (2, 3)
    assert found.tolist()[1] == pytest.approx([math.log2(6)] * 3)


def test_softmax_lengths_are_the_cross_entropy() -> None:
    value, params = case("softmax", (3, 4))
    want = torch.nn.functional.cross_entropy(
        params.flatten(0, 1), value.flatten(), reduction="none"
    )
    close(code_length("softmax", value, params), want.view(3, 4) / math.log(2))


# --- parameters ----------------------------------------------------------------------------------


def test_components_start_apart() -> None:
    logits, loc, scale = unpack("logistic_mixture", torch.zeros(3 * 4 * 2), 0.5, 4)
    assert logits is not None
    assert logits.tolist() == [[0] * 4] * 2
    assert loc.tolist() == [[-0.75, -0.25, 0.25, 0.75]] * 2
    assert torch.allclose(scale, torch.tensor(0.25 + math.log(2)))


def test_a_scale_is_at_least_half_a_step() -> None:
    _, loc, scale = unpack("logistic", torch.tensor([1.5, -1e4]), 0.5)
    assert (loc.item(), scale.item()) == (1.5, 0.25)


@pytest.mark.parametrize("family", LATTICE)
def test_low_precision_parameters_count_as_float32(family: str) -> None:
    value, params = case(family, (2, 3), dtype=torch.float32)
    low = params.bfloat16()
    assert torch.equal(
        code_length(family, value, low, 1.0, 3), code_length(family, value, low.float(), 1.0, 3)
    )
    d_value, d_params = code_length_vjp(family, torch.ones(2, 3), value, low, 1.0, 3)
    assert d_value is not None
    assert d_params is not None
    assert (d_value.dtype, d_params.dtype) == (torch.float32, torch.bfloat16)
