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
UNDONE = {
    "valve": "undo valve a by logistic(linear(b), step = 1/4) as va",
    "odd step": "undo valve a by gaussian(linear(b), step = 3/16) as va",
    "slice": "undo valve a[.., :3] by logistic(linear(b), step = 1) as va",
    "after a dropout": "b += dropout(sin(a), p = 0.5)\n"
    "undo valve a by gaussian(linear(b), step = 1) as va",
    "two valves": "valve a by logistic(linear(b), step = 1/4) as va\n"
    "undo valve b by logistic_mixture(linear(a), components = 2, step = 1/4) as va",
    "draw": "draw y: [B, T, d] by logistic(linear(a), step = 1/4) as dr\nb += y\ny += 0.3 * a\n"
    "undo draw y: [B, T, d] by logistic(linear(a), step = 1) as dr",
    "put": "undo put y: [B, T, d] by logistic(linear(a), step = 1/4) as pu\n"
    "undo draw y: [B, T, d] by logistic(linear(a), step = 1) as dr",
}
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", UNDONE)
def test_what_is_given_back_leaves_no_residue_behind(name: str, dtype: torch.dtype) -> None:
    model, inputs = make(UNDONE[name])
    model.to(dtype)
    inputs = {n: (3 * x - 1).to(dtype) for n, x in inputs.items()}
    inputs["a"][0, 0, :3] = torch.tensor([-0.0, 1e-30, 0.25])  # on an index, or next to one
    out = model(**inputs)
    for value, (register, was) in zip(model.inverse(out), inputs.items(), strict=True):
        torch.testing.assert_close(value.double(), was.double(), atol=1e-6, rtol=0)
        if dtype == torch.float32 and f"{register} +=" not in UNDONE[name]:
            assert torch.equal(value.view(torch.int32), was.view(torch.int32))


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
