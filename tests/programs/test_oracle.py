"""The oracle of random programs, against mirrors and revc, and where it says nothing."""

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
from tests.programs.oracle import OffLattice, Oracle, at_quantile

HEAD = "dim B\nstate lattice(Q12.20)\ntape t\nmodel Net(x: [B, 3]) {\n"
APPLY = "  apply x by softsign()\n}\n"
HALVE = "  scale x by 1/2 in [1/4, 1] on t\n"
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


@pytest.mark.parametrize("steps", [-3, 0, 3])
def test_rounded_state_at_softsigns_kink_has_no_slope_to_compare(steps: int) -> None:
    x = torch.tensor([[0.5, steps * 2.0**-20, -1.0]], dtype=torch.float64)
    with pytest.raises(OffLattice, match="kink of softsign"):
        _run(HEAD + HALVE + APPLY, x)


def test_beside_the_kink_and_where_nothing_was_rounded_there_is_one() -> None:
    beside = torch.tensor([[0.5, 10 * 2.0**-20, -1.0]], dtype=torch.float64)
    _run(HEAD + HALVE + APPLY, beside)
    _run(HEAD + APPLY, torch.zeros(1, 3, dtype=torch.float64))


def _run(source: str, x: Tensor) -> None:
    Oracle(build(source, nets=None), revc.compile(source), [])(x=x)


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
    case = Case(program(2002350, frozenset({"escapes", "overflows"})))
    check(case, "gradient")

    def wrong(*args: object) -> tuple[Tensor, Tensor]:
        by_value, by_factor = right(*args)  # type: ignore[arg-type]
        return by_value, by_factor / 2

    monkeypatch.setattr(counts, "product_vjp", wrong)
    with pytest.raises(AssertionError, match="gradient of nets"):
        check(case, "gradient")
