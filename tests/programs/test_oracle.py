"""The oracle of random programs, against mirrors and revc, and what its law finds."""

import math

import pytest
import torch
from torch import Tensor

import revc
from revc.passes.spec import build
from revc.runtime.metered import counts
from revc.runtime.metered.lengths_vjp import reparameterise_vjp
from tests.model.laws import gradients
from tests.programs.compare import close, close_gradient
from tests.programs.generate import program
from tests.programs.laws import Case, check
from tests.programs.oracle import Oracle, at_quantile, squashes

LEFT_OUT = frozenset({"escapes", "overflows"})
SOURCE = (
    "dim B\nstate lattice(Q12.20)\ntape t\nmodel Net(x: [B, 3]) {\n  apply x by softsign()\n}\n"
)
BETWEEN = (-14.0, -3.0, 0.1, 4.0, 15.0)  # values in the tails of components at -30, 0 and 31


def _slopes(values: Tensor, logits: Tensor, loc: Tensor, scale: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in (logits, loc, scale)]
    return gradients(at_quantile(values, *leaves).sum(), leaves)


def _mixture(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits, locations and scales, [n, 3], of components far apart."""
    made = torch.Generator().manual_seed(2)
    noise = torch.randn(3, n, 3, generator=made, dtype=torch.float64)
    far = torch.tensor([-30.0, 0.0, 31.0], dtype=torch.float64)
    return noise[0], far + 0.3 * noise[1], 0.4 + 0.1 * noise[2].sigmoid()


def test_a_mixtures_mirror_image_has_mirrored_slopes() -> None:
    values = torch.tensor(BETWEEN, dtype=torch.float64)
    logits, loc, scale = _mixture(len(values))
    one, other = _slopes(values, logits, loc, scale), _slopes(-values, logits, -loc, scale)
    for slope, mirrored, sign in zip(one, other, (-1, 1, -1), strict=True):
        close(slope, sign * mirrored, 1e-9, "slope", 0.0)


def test_a_drawn_mixture_passes_on_what_the_oracle_does_in_both_tails() -> None:
    values = torch.tensor(BETWEEN, dtype=torch.float64)
    step, (logits, loc, scale) = 1 / 16, _mixture(len(values))
    raw = (scale - step / 2).expm1().log()
    offsets = step * (torch.arange(3, dtype=torch.float64) - 1)
    params = torch.cat([logits, loc - offsets, raw], -1).reshape(-1, 9).requires_grad_()
    parts = params.unflatten(-1, (3, 3)).unbind(-2)
    held = step / 2 + torch.nn.functional.softplus(parts[2])
    wanted = gradients(at_quantile(values, parts[0], parts[1] + offsets, held).sum(), [params])[0]
    rows = params.detach()
    ones = torch.ones(len(values), 1, dtype=torch.float64)
    found = reparameterise_vjp("logistic_mixture", ones, values[:, None], rows, step, 3)
    assert found is not None
    close(found, wanted, 1e-6, "cotangent", 0.0)


@pytest.mark.parametrize(("step", "side"), [(-3, 1), (0, -1), (0, 0), (3, 1), (3, -1)])
def test_near_softsigns_kink_the_slope_is_on_the_runs_side(step: int, side: int) -> None:
    slope = _kinked(step, side)
    close(slope, torch.full((), 2 * side / math.log(2.0)), 1e-4, "slope")


@pytest.mark.parametrize("step", [-10, 10])
def test_beside_the_kink_the_slope_is_the_values_own(step: int) -> None:
    close(_kinked(step, -1), _kinked(step, 1), 0.0, "slope")
    close(_kinked(step, 1).sign(), torch.tensor(step).sign(), 0.0, "slope's sign")


def _kinked(step: int, side: int) -> Tensor:
    """Return the slope of the bits of softsign, `step` lattice steps from zero."""
    x = torch.tensor([[0.5, step * 2.0**-20, -1.0]], dtype=torch.float64, requires_grad=True)
    run = [torch.tensor([[1, side, -1]], dtype=torch.int32)]
    oracle = Oracle(build(SOURCE, nets=None), revc.compile(SOURCE), [], run)
    oracle(x=x)
    return gradients(sum(oracle.lengths.values()).sum(), [x])[0][0, 1]


def test_what_softsign_gets_is_recorded_both_ways() -> None:
    x, model = torch.tensor([[0.5, 0.0, -1.0]]), revc.compile(SOURCE)
    with squashes() as found:
        out = model(x=x)
        model.inverse(out)
    for raw in found:
        close(raw * 2.0**-20, x, 0.0, "what softsign is applied to")
    assert len(found) == 2


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.5])
def test_a_wrong_slope_of_softsigns_bits_is_found(
    slope: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(program(2103035, LEFT_OUT))
    check(case, "gradient")
    monkeypatch.setattr(counts, "LN2", math.log(2.0) / slope if slope else math.inf)
    with pytest.raises(AssertionError, match="gradient of s2"):
        check(case, "gradient")


def test_a_large_gradient_is_as_wrong_as_a_small_one() -> None:
    other = torch.tensor([1e4, 1e4])
    close_gradient(other + 100, other, 2e-2, "gradient")
    with pytest.raises(AssertionError, match="gradient"):
        close_gradient(torch.tensor([5e3, 1e4]), other, 2e-2, "gradient")


@pytest.mark.filterwarnings("ignore:.*is much larger than the lattice")
def test_half_a_factors_gradient_is_found_beside_gradients_of_1e13(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = counts.product_vjp
    case = Case(program(2002350, LEFT_OUT))
    check(case, "gradient")

    def wrong(*args: object) -> tuple[Tensor, Tensor]:
        by_value, by_factor = right(*args)  # type: ignore[arg-type]
        return by_value, by_factor / 2

    monkeypatch.setattr(counts, "product_vjp", wrong)
    with pytest.raises(AssertionError, match="gradient of nets"):
        check(case, "gradient")
