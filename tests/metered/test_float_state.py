"""The same statements on float state: undone up to rounding, their tapes read back exactly."""

import pytest
import torch

import revc
from tests.metered.test_programs import BODIES, HEAD, PAIR
from tests.model.laws import gradients, randomize, weighted

FLOAT = HEAD.replace("lattice(Q12.20)", "float32")
NAMES = [
    "logistic valve", "gaussian valve", "written residue", "scale", "undone scale", "softsign",
    "in a repeat", "permutation", "orthogonal", "householder", "lu", "undone lu", "dropout",
]  # fmt: skip
LOG = '  # revc: allow(B212) reason = "inputs are above 0"'
MAPS = ["tanh", "sigmoid", "exp", "softplus", "sinh", "arcsinh", "log"]


def make(body: str):
    torch.manual_seed(0)
    model = revc.compile(FLOAT + PAIR.format(body))
    randomize(model)
    return model, {name: torch.rand(2, 5, 8) * 0.4 + 0.1 for name in ("a", "b")}


@pytest.mark.parametrize("name", NAMES)
def test_float_state_is_undone_up_to_rounding(name: str) -> None:
    model, inputs = make(BODIES[name])
    out = model(**inputs)
    for value, was in zip(model.inverse(out), inputs.values(), strict=True):
        torch.testing.assert_close(value, was, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_float_gradients_are_those_of_the_lattice(name: str) -> None:
    model, inputs = make(BODIES[name])
    twin = revc.compile(HEAD + PAIR.format(BODIES[name]))
    twin.load_state_dict(model.state_dict())
    found = []
    for each in (model, twin):
        values = {n: x.clone().requires_grad_() for n, x in inputs.items()}
        out = each(**values)
        found.append(gradients(weighted(out._asdict()), [*values.values()]))
    drawn = "valve" in BODIES[name] or "dropout" in BODIES[name]
    for one, other in zip(*found, strict=True):
        if drawn:  # other random values were drawn
            assert one.isfinite().all()
            continue
        torch.testing.assert_close(one, other, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("name", MAPS)
def test_named_bijections_and_their_gradients(name: str) -> None:
    model, inputs = make(f"apply a by {name}(){LOG}\nb += linear(a)")
    values = {n: x.clone().requires_grad_() for n, x in inputs.items()}
    out = model(**values)
    functions = {"sigmoid": torch.sigmoid, "softplus": torch.nn.functional.softplus}
    function = functions.get(name) or getattr(torch, name)
    torch.testing.assert_close(out.a, function(inputs["a"]))
    (mine,) = torch.autograd.grad(out.a.sum(), values["a"])
    x = inputs["a"].clone().requires_grad_()
    (wanted,) = torch.autograd.grad(function(x).sum(), x)
    torch.testing.assert_close(mine, wanted, atol=1e-5, rtol=1e-5)
    back = model.inverse(model(**inputs))
    torch.testing.assert_close(back[0], inputs["a"], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MAPS)
def test_undone_bijections_and_their_gradients(name: str) -> None:
    model, inputs = make(f"apply a by {name}(){LOG}\nundo apply a by {name}()")
    values = {n: x.clone().requires_grad_() for n, x in inputs.items()}
    out = model(**values)
    torch.testing.assert_close(out.a, inputs["a"], atol=1e-5, rtol=1e-4)
    (mine,) = torch.autograd.grad(out.a.sum(), values["a"])
    torch.testing.assert_close(mine, torch.ones_like(mine), atol=1e-3, rtol=1e-3)
