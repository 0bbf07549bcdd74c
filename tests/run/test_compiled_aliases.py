"""Compiled, what is read together may lie in one tensor, and a unit may come in many shapes."""

import pytest
import torch

import revc
from revc.runtime.model import ReversibleModel
from tests.model.laws import gradients

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.usefixtures("fresh_dynamo"),
]


HEAD = """use std.nets: mlp, linear
dim B
state lattice(Q12.20)
block Two(a: [B, 4], given u: [B, 4], given v: [B, 4]) {
  a += tanh(u)
  a += sin(v) * u
}
block Nets<F, G>(a: [B, 4], given u: [B, 4]) { a += F(u) + G(u) * F(u) }
model Net(a: [B, 4], b: [B, 8], given g: float32[B, 4], given h: float32[B, 4],
          given w: float32[B, 8]) {
"""
BODIES = {
    "slices of a register": "a += b[.., :4] * tanh(b[.., 4:])",
    "overlapping slices": "a += b[.., :4] * tanh(b[.., 2:6])",
    "slices passed on": "Two(a, w[.., :4], w[.., 4:])",
    "overlapping slices passed on": "Two(a, w[.., :4], w[.., 2:6])",
    "one given twice": "Two(a, g, g)",
    "a let twice": "let l = tanh(w)\nTwo(a, l[.., 1:5], l[.., :4])\na += l[.., :4] * l[.., 4:]",
    "in a loop": "repeat 2 {\nTwo(a, b[.., :4], b[.., 2:6])\na += w[.., :4] * w[.., 1:5]\n}",
    "parts of a split": "split b -> c, d\na += c * d\nTwo(c, d, a)\njoin c, d -> b",
    "one net twice": "net F = mlp(width = 3)\nNets<F, F>(a, b[.., :4])",
    "one tensor as two givens": "a += g * h\nTwo(a, h, g)",
}


def run(model: ReversibleModel, call: object, same: bool) -> list[torch.Tensor]:
    made = torch.Generator().manual_seed(1)
    a, g, h = (torch.randn(3, 4, generator=made, requires_grad=True) for _ in range(3))
    b, w = (torch.randn(3, 8, generator=made, requires_grad=True) for _ in range(2))
    out = call(a, b, g, g if same else h, w)  # type: ignore[operator]
    loss = out.a.sin().sum() + (out.b * out.b).sum()
    return [out.a, out.b, *gradients(loss, [a, b, g, h, w, *model.parameters()])]


@pytest.mark.parametrize("name", BODIES)
def test_compiled_gradients_are_the_eager_ones_where_memory_is_shared(name: str) -> None:
    model = revc.compile(f"{HEAD}{BODIES[name]}\n}}\n")
    call = torch.compile(model, backend="aot_eager", fullgraph=True)
    pairs = zip(run(model, model, "one" in name), run(model, call, "one" in name), strict=True)
    for eager, compiled in pairs:
        torch.testing.assert_close(compiled, eager, rtol=1e-5, atol=1e-6)


def test_a_unit_compiles_in_more_than_eight_shapes() -> None:
    body = "\n".join(f"a[.., :{n}] += tanh(b[.., :{n}])" for n in range(1, 10))
    model = revc.compile(
        f"dim B\nstate lattice(Q12.20)\nmodel Net(a, b: [B, 12]) {{\n{body}\n}}\n", chunks=3
    )
    a, b = torch.randn(2, 7, 12)
    call = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=False)
    assert torch.equal(call(a, b).a, model(a, b).a)
