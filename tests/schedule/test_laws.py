"""What a schedule may not change: results and gradients, bit for bit."""

import pytest
import torch
from torch import Tensor

import revc
from tests.model import specs
from tests.model.laws import check_laws, randomize
from tests.model.made import make
from tests.model.test_laws import BODIES, PAIR
from tests.schedule.schedules import MIXED, inputs_of, pulled, same, schedules


def check_schedules(model: torch.nn.Module, values: dict[str, Tensor], count: int = 4) -> None:
    wanted, grads = pulled(model, values)
    for schedule in schedules(model, values, count):
        model.schedule = schedule
        found, mine = pulled(model, values)
        assert same([*wanted], [*found]), schedule
        assert same(grads, mine), schedule


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_every_statement_has_the_bits_of_a_run_that_inverts(body: str, chunks: int) -> None:
    model = make(specs.HEAD + PAIR.format(body), chunks=chunks)
    check_schedules(model, inputs_of(model), 2)


def test_a_mixture_has_the_bits_of_a_run_that_inverts() -> None:
    model = make(MIXED)
    check_schedules(model, inputs_of(model), 12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_nets_of_other_dtypes(dtype: torch.dtype) -> None:
    model = make(MIXED).to(dtype)
    check_schedules(model, inputs_of(model), 3)


def test_autocast() -> None:
    model = make(MIXED)
    with torch.autocast("cpu", torch.bfloat16):
        check_schedules(model, inputs_of(model), 3)


def test_integers_of_a_language_model() -> None:
    model = make(specs.LANGUAGE)
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    check_schedules(model, {"tokens": tokens, "targets": targets})


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_every_statement_has_the_gradients_of_plain_autograd(body: str) -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.HEAD + PAIR.format(body), schedule="save")
    randomize(model)
    check_laws(model, a=torch.randn(3, 5, 8), b=torch.randn(3, 5, 8))


FLOAT = """
state float32
use std.nets: linear
dim B, T, d = 8
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  a[.., :3] += linear(a[.., 3:], out = 3)
  scale b by 1 + sigmoid(linear(a)) in [1/2, 4]
  apply a[.., 1:] by softsign()
  mix b by orthogonal()
  b += a * a[:, :1]
  negate a
  undo apply a[.., 2:] by softsign()
}
"""


def test_float_state_has_the_gradients_of_a_run_that_inverts_up_to_rounding() -> None:
    torch.manual_seed(0)
    model = revc.compile(FLOAT, schedule="save").double()
    randomize(model)
    values = {n: (0.3 * x.double().tanh()).detach() for n, x in inputs_of(model).items()}
    values = {n: x.requires_grad_() for n, x in values.items()}
    found, grads = pulled(model, values)
    model.schedule = "invert"
    wanted, rebuilt = pulled(model, values)
    assert same([*found], [*wanted])
    for one, other in zip(grads, rebuilt, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)
