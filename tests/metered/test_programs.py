"""Every statement that exchanges bits: against the oracle, and undone bit for bit."""

from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.runtime.model import ReversibleModel
from tests.metered.oracle import MeteredReference, recorded
from tests.model import specs
from tests.model.laws import gradients, randomize, weighted

HEAD = specs.HEAD.replace("cross_entropy", "cross_entropy, dropout")
PAIR = "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{\n{}\n}}\n"
VALVE = "valve a[.., :3] by logistic(linear(b), step = 1/16) as va"

BODIES = {
    "logistic valve": VALVE,
    "whole register": "valve a by logistic(linear(b), step = 1/4) as va",
    "gaussian valve": "valve a[.., 2:5] by gaussian(linear(b), step = 1/8) as va",
    "mixture valve": "valve a[.., :2] by logistic_mixture(linear(b), components = 3, step = 1/8)",
    "written residue": "valve a by logistic(linear(b), step = 1/16, residue = write) as va",
    "odd step": "valve a by logistic(linear(b), step = 3/16) as va",
    "valves after nets": f"a += mlp(b, width = 8)\n{VALVE}\nb += mlp(a, width = 8)",
    "undone valve": f"undo {VALVE}\nb += linear(a)",
    "valve and back": f"{VALVE}\nb += linear(a)\nundo {VALVE}",
    "scale": "scale a by sigmoid(linear(b)) in [1/64, 1] as f\nb += linear(a)",
    "slice scaled": "scale a[.., 1:4] by exp(linear(b)) in [1/8, 8] as f",
    "scaled by a number": "scale a by 0.3 as f",
    "broadcast scale": "scale a by sigmoid(linear(b, out = 1)) in [1/8, 1] as f",
    "undone scale": "undo scale a by sigmoid(gate(b)) in [1/2, 1] as f\nb += linear(a)",
    "softsign": "apply a by softsign()\nb += linear(a)",
    "softsign of a slice": "apply a[.., 2:5] by softsign()\nb += linear(a)",
    "softsign and back": "apply a by softsign()\nb += linear(a)\nundo apply a by softsign()",
    "permutation": "mix a by permutation(3)\nb += linear(a)",
    "orthogonal": "mix a by orthogonal()\nb += linear(a)",
    "householder": "mix a[.., 1:7] by householder(3)\nb += linear(a)",
    "lu": "mix a by lu()\nb += linear(a)",
    "undone lu": "undo mix a by lu()\nb += linear(a)",
    "declared matrix": "net M = householder(2)\nmix a by M\nmix b by M\nundo mix a by M",
    "mixed in a repeat": "repeat 2 { mix a by lu()\nmix b by orthogonal()\nb += linear(a) }",
    "dropout": "a += dropout(linear(b), p = 0.3)\nb += linear(a)",
    "two masks": "a -= dropout(linear(b), p = 0.3) + dropout(b, p = 0.5)",
    "undone dropout": "undo a += dropout(linear(b), p = 0.3)\nb += linear(a)",
    "in a repeat": (
        f"repeat 3 {{ b += linear(a)\n{VALVE}\nscale b by sigmoid(gate(a)) in [1/2, 1] }}"
    ),
    "reversed": f"repeat 2 reversed {{ b += linear(a)\n{VALVE} }}",
    "shared": f"repeat 2 share {{ b += linear(a)\n{VALVE} }}",
}
BLOCKS = {
    "calls": ("Half(a, b)\nHalf(b, a)", ""),
    "uncall": ("h: Half(a, b)\nb += linear(a)\nuncall h(a, b)", ""),
    "uncall alone": ("uncall Half(a, b)\nb += linear(a)", ""),
    "uncall in a repeat": ("repeat 2 { h: Half(a, b)\nb += linear(a)\nuncall h(a, b) }", ""),
}
BLOCK = f"block Half(a, b: [B, T, d]) {{\n  b += linear(a)\n  {VALVE}\n  scale b by 0.7\n}}\n"
SPECS = {name: HEAD + PAIR.format(body) for name, body in BODIES.items()}
SPECS |= {name: HEAD + BLOCK + PAIR.format(body) for name, (body, _) in BLOCKS.items()}


def make(spec: str) -> tuple[ReversibleModel, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(spec).double()
    model.bits.seed = 0
    randomize(model)
    values = {name: torch.randn(2, 5, 8, dtype=torch.float64) * 0.4 for name in ("a", "b")}
    return model, {name: x.requires_grad_() for name, x in values.items()}


def digests(out: Any) -> dict[str, str]:
    session = out.run.session
    return {} if session is None else {n: stack.digest() for n, stack in session.stacks.items()}


def objective(views: dict[str, Tensor], lengths: dict[tuple[str, str], Tensor]) -> Tensor:
    total = weighted(views)
    for number, row in enumerate(sorted(lengths)):
        total = total + (lengths[row].double() * torch.tensor([0.3, -0.2 - number])).sum()
    return total


@pytest.mark.parametrize("name", SPECS)
def test_values_lengths_and_gradients_are_the_oracles(name: str) -> None:
    model, inputs = make(SPECS[name])
    with recorded() as drawn:
        out = model(**inputs)
    leaves = [*inputs.values(), *model.parameters()]
    reference = MeteredReference(model.graphs.program, model.net_modules(), drawn)
    wanted = reference(**inputs)
    for field, value in out._asdict().items():
        loose = 5e-3 if "lu()" in SPECS[name] else 3e-5  # its factors are rounded to n/1024
        torch.testing.assert_close(value, wanted[field].to(value.dtype), atol=loose, rtol=1e-5)
    rows = {row: out.run.lengths[i] for i, row in enumerate(model.interface.plan.rows)}
    for row, bits in rows.items():
        torch.testing.assert_close(
            bits, reference.lengths[row].to(bits.dtype), atol=1e-3, rtol=1e-4
        )
    mine = gradients(objective(out._asdict(), rows), leaves)
    theirs = gradients(objective(wanted, reference.lengths), leaves)
    for one, other in zip(mine, theirs, strict=True):
        loose = 2e-2 if "lu()" in SPECS[name] else 2e-3
        torch.testing.assert_close(one, other, atol=loose, rtol=loose)


@pytest.mark.parametrize("name", SPECS)
def test_undone_bit_for_bit_with_its_stacks(name: str) -> None:
    model, inputs = make(SPECS[name])
    out = model(**inputs)
    before = digests(out)
    back = model.inverse(out)
    assert digests(out) == before, "undoable again"
    for value, was in zip(back, inputs.values(), strict=True):
        torch.testing.assert_close(value.double(), was, atol=1e-6, rtol=0)
    again = model.inverse(out)
    assert all(torch.equal(one, other) for one, other in zip(back, again, strict=True))
    gradients(weighted(out._asdict()), list(inputs.values()))
    third = model.inverse(out)
    assert all(torch.equal(one, other) for one, other in zip(back, third, strict=True))


@pytest.mark.parametrize("name", SPECS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    model, inputs = make(SPECS[name])
    first, second = model(**inputs), model(**inputs)
    assert all(
        torch.equal(one, other) for one, other in zip(first.state[0], second.state[0], strict=True)
    )
    assert digests(first) == digests(second)
