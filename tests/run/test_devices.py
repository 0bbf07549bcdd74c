"""Whole programs on a device that is not the CPU: all that they make is where their data are.

The device is played on the CPU (`tests.played`), so results, gradients and tapes are the CPU's bit
for bit; two devices in one operator are an error there, as on a card.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.audit.data import made
from revc.runtime.model import ReversibleModel
from tests.metered.test_float_state import FLOAT
from tests.metered.test_programs import BODIES as METERED
from tests.metered.test_programs import PAIR, SPECS
from tests.model import specs
from tests.model.laws import randomize
from tests.model.test_laws import BODIES
from tests.played import DevicesMixed, played
from tests.run import test_cuda

LABELS = """
use std.nets: linear, embedding
dim B, K = 7
state lattice(Q12.20)
model M(a: [B, K], y: label(K)[B]) -> (a: [B, K], w: label(K)[B]) {
  put y: label(K)[B] by uniform(K) as pu
  draw w: label(K)[B] by uniform(K) as dr
  a += embedding(K, w)
  draw z: label(K)[B] by softmax(a) as so
  put z: label(K)[B] by uniform(K) as back
}
"""
BUDGETED = (
    "dim B, c = 8\nuse std.nets: linear\nstate lattice(Q12.20)\nmodel M(a, b: [B, c]) {\n"
    "valve a by logistic(linear(b), step = 1/16, residue = drop(16)) as va\nb += linear(a)\n}\n"
    "budget net(va) <= 30 bits/token\n"
)
PROGRAMS = {name: specs.HEAD + PAIR.format(body) for name, body in BODIES.items()}
PROGRAMS |= SPECS | {"language": specs.LANGUAGE, "labels": LABELS, "budgeted": BUDGETED}
PROGRAMS |= {f"float {name}": FLOAT + PAIR.format(METERED[name]) for name in (
    "logistic valve", "written residue", "scale", "orthogonal", "lu", "dropout",
)}  # fmt: skip
SHIPPED: dict[str, dict[str, int]] = {
    "classify": {}, "digits": {}, "pixels": {}, "rnn": {"n": 4, "h": 8},
    "integrators": {"c": 16}, "language_model": {"V": 16, "d": 32, "k": 8},
    "lm": {"V": 16, "d": 32}, "irevnet": {"H": 4, "W": 4, "c": 2}, "transformer": {"d": 16},
}  # fmt: skip
"""Models in `specs/`, and sizes that make them small."""


def model_of(spec: str, **how: Any) -> ReversibleModel:
    torch.manual_seed(0)
    model = revc.compile(spec, **how)
    model.bits.seed, model.bits.lanes = 1, 32  # lanes as on the CPU
    randomize(model)
    return model


def everything(model: ReversibleModel, inputs: dict[str, Tensor], device: str) -> list[Any]:
    """Run a model on a device in all directions; return all that it gives, on the CPU."""
    model = model.to(device)
    floats = {name for name, x in inputs.items() if x.is_floating_point()}
    inputs = {n: x.detach().to(device).requires_grad_(n in floats) for n, x in inputs.items()}
    out = model(**inputs)
    values = [x for x in out if x.is_floating_point()]
    parts = [(x.double() * x.double().cos()).sum() for x in values]
    parts += [] if out.run.lengths is None else [0.1 * out.run.lengths.double().sum()]
    loss = torch.stack(parts).sum()
    leaves = [*(inputs[n] for n in sorted(floats)), *model.parameters()]
    grads = torch.autograd.grad(loss, leaves, allow_unused=True)
    back = model.inverse(out)
    found = [*out, *grads, *(back if isinstance(back, tuple) else (back,))]
    session = out.run.session
    tapes = {} if session is None else {n: stack.digest() for n, stack in session.stacks.items()}
    return [x if x is None else x.detach().cpu() for x in found] + [tapes]


@contextmanager
def demanded() -> Iterator[None]:
    """Demand deterministic algorithms; fresh memory is filled then with what shows if read."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def check_same(
    make: Callable[[], ReversibleModel], inputs: dict[str, Tensor], exact: bool = True
) -> None:
    wanted = everything(make(), inputs, "cpu")
    with played(), demanded():
        found = everything(make(), inputs, "cuda")
    for one, other in zip(found, wanted, strict=True):
        if isinstance(one, Tensor) and not exact:
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
        else:
            assert torch.equal(one, other) if isinstance(one, Tensor) else one == other


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_device_gives_what_the_cpu_gives(name: str) -> None:
    model, exact = model_of(PROGRAMS[name]), "attention(" not in PROGRAMS[name]  # another kernel's
    check_same(lambda: model_of(PROGRAMS[name]), made(model.graphs.program, 2, {}), exact)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_run_makes_is_not_on_the_default_device(name: str) -> None:
    inputs = made(model_of(PROGRAMS[name]).graphs.program, 2, {})
    wanted = everything(model_of(PROGRAMS[name]), inputs, "cpu")
    model = model_of(PROGRAMS[name])
    with torch.device("meta"):
        found = everything(model, inputs, "cpu")
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other) if isinstance(one, Tensor) else one == other


@pytest.mark.parametrize("name", SHIPPED)
def test_specs_that_ship(name: str) -> None:
    def make() -> ReversibleModel:
        torch.manual_seed(0)
        model = revc.compile(f"specs/{name}.rev", dims=SHIPPED[name])
        model.bits.seed, model.bits.lanes = 1, 32  # lanes as on the CPU
        return model

    program = make().graphs.program
    exact = "attention(" not in Path(f"specs/{name}.rev").read_text()
    check_same(make, made(program, 2, {}), exact)


@pytest.mark.parametrize("name", ["attention", "grouped heads", "rotary", "window"])
def test_attention_in_float64_on_a_device(name: str) -> None:
    inputs = made(model_of(PROGRAMS[name]).graphs.program, 2, {})
    inputs = {n: x.double() for n, x in inputs.items()}
    check_same(lambda: model_of(PROGRAMS[name]).double(), inputs, exact=False)


def test_audit_throttle_and_chunks() -> None:
    def make() -> ReversibleModel:
        model = model_of(BUDGETED, chunks=2)
        model.throttle["M.va"] = 0.9
        model.bits.mode = "audit"
        return model

    check_same(make, made(make().graphs.program, 3, {}))


def test_bytes_and_samples() -> None:
    def run(device: str) -> list[Tensor]:
        torch.manual_seed(0)
        model = revc.compile("specs/digits.rev").eval().to(device)
        model.bits.lanes = 32  # as many as on the CPU
        image = (torch.arange(4 * 64) % 17).reshape(4, 1, 8, 8).float().to(device)
        back = model.decompress(model.compress(image))
        assert torch.equal(back, image)
        return [x.detach().cpu() for x in (back, model.sample(3, seed=2), model.score(image))]

    wanted = run("cpu")
    with played():
        found = run("cuda")
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_is_asked_of_a_card(dtype: torch.dtype) -> None:
    with played():
        test_cuda.test_rebuilt_bit_for_bit_and_the_same_again(dtype)


def test_devices_that_mix_are_noticed() -> None:
    with played():
        x = torch.ones(3, device="cuda")
        assert (x + torch.tensor(1.0)).sum().item() == 6
        with pytest.raises(DevicesMixed):
            x + torch.ones(3)
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
    assert not torch.ones(3).is_cuda


def test_a_device_has_lanes_of_its_own_unless_some_are_set() -> None:
    model = model_of(specs.HEAD + PAIR.format(METERED["logistic valve"]))
    inputs, found = made(model.graphs.program, 2, {}), []
    inputs = {name: (x * 2**20).round() / 2**20 for name, x in inputs.items()}  # on the lattice
    with played():
        there = model.to("cuda")
        for lanes in (None, 3):
            there.bits.lanes = lanes
            out = there(**{name: x.to("cuda") for name, x in inputs.items()})
            found.append({stack.lanes for stack in out.run.session.stacks.values()})
            back = zip(there.inverse(out), inputs.values(), strict=True)
            assert all(torch.equal(one.cpu(), (x * 2**20).round() / 2**20) for one, x in back)
    assert found == [{512}, {3}]
