"""Metered programs under torch.compile: the same runs, undone as far, and nothing left behind."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import ReconstructionError
from tests.metered.test_programs import SPECS, make
from tests.model.laws import gradients, weighted

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
NAMES = [
    "logistic valve",
    "scale",
    "valve and back",
    "softsign",
    "in a repeat",
    "uncall alone",
    "lu",
    "orthogonal",
    "dropout",
    "permutation",
]


def total(out: Any) -> Tensor:
    bits = out.run.lengths
    return weighted(out._asdict()) + (0 if bits is None else bits.sum())


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_step_is_the_eager_one(name: str) -> None:
    model, inputs = make(SPECS[name])
    leaves = [*inputs.values(), *model.parameters()]
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for run in range(2):
        model.bits.seed = run
        mine = compiled(**inputs)
        found = gradients(total(mine), leaves)
        model.bits.seed = run
        out = model(**inputs)
        wanted = gradients(total(out), leaves)
        for one, other in zip(mine.state[0], out.state[0], strict=True):
            assert torch.equal(one, other)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def test_inductor_rebuilds_what_it_ran() -> None:
    model, inputs = make(SPECS["in a repeat"].replace("repeat 3", "repeat 2"))
    compiled = torch.compile(model.float(), fullgraph=True)
    values = {name: x.detach().float().requires_grad_() for name, x in inputs.items()}
    out = compiled(**values)
    gradients(total(out), [*values.values()])


def test_a_compiled_backward_notices_other_parameters() -> None:
    model, inputs = make(SPECS["logistic valve"])
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    out = compiled(**inputs)
    next(iter(model.parameters())).data.add_(0.5)
    with pytest.raises(ReconstructionError):
        gradients(weighted(out._asdict()), [*inputs.values()])


def test_a_run_without_gradients_still_writes() -> None:
    """Nothing of a put is used but its bits: the compiler must not drop it."""
    torch.manual_seed(0)
    model = revc.compile("specs/digits.rev")
    model.bits.seed = 0
    image = torch.randint(0, 17, (2, 1, 8, 8)).float()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        mine, out = compiled(image), model(image)
    assert torch.equal(mine.ledger.bits("written", "code"), out.ledger.bits("written", "code"))


def test_a_label_that_is_a_result_is_compiled() -> None:
    torch.manual_seed(0)
    model = revc.compile("specs/classify.rev")
    model.bits.seed = 0
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    image = torch.randn(3, 64)
    out = compiled(image)
    out.drawn["out"].sum().backward()
    assert torch.equal(out.y, model(image).y)
    assert all(p.grad is not None for p in model.parameters())


def test_a_program_without_state_inputs_passes_inductor() -> None:
    torch.manual_seed(0)
    model = revc.compile(
        "use std.nets: linear\ndim B, d = 8\nstate lattice(Q12.20)\n"
        "model Net(given x: float32[B, d]) -> (z: [B, d]) {\n"
        "  alloc z: [B, d] = 0\n  z += linear(x)\n}\n"
    )
    compiled, x = torch.compile(model, fullgraph=True, dynamic=False), torch.randn(3, 8)
    out = compiled(x)
    out.z.sum().backward()
    assert torch.equal(out.z, model(x).z)


STEPS = """
use std.nets: linear
dim B, d = 8
state lattice(Q12.20)
model Net(a, b: [B, d]) -> (a, b: [B, d]) {{
  {first}
  valve a[.., :4] by logistic(linear(b), step = {step}) as va
}}
"""


def test_programs_compiled_after_each_other_code_by_their_own_sites() -> None:
    """Numbers that differ from one to the next must not become free sizes of a graph."""
    a, b = torch.randn(2, 4, 8).unbind()
    for first, step in (("a += linear(b)", "1/16"), ("scale b by 2 as up", "1/32")):
        model = revc.compile(STEPS.format(first=first, step=step))
        found = []
        for run in (model, torch.compile(model, fullgraph=True, backend="aot_eager")):
            torch.manual_seed(1)
            x = b.clone().requires_grad_()
            found.append(torch.autograd.grad(total(run(a, x)), x)[0])
        torch.testing.assert_close(*found, atol=1e-6, rtol=1e-6)
