"""Deep programs with valves, scales and mixes: every cycle bit for bit, at 6 and at 48 layers."""

import pytest
import torch

import revc
from tests.metered.test_programs import HEAD, digests
from tests.model.laws import gradients, weighted

SPEC = (
    HEAD
    + """
block Layer(a, b: [B, T, d]) {
  a += attention(norm(b), heads = 2, causal = true)
  b += mlp(norm(a), width = 2*d)
  mix a by householder(2)
  scale b by sigmoid(gate(a)) in [1/2, 1] as fb
  valve a[.., :3] by logistic(linear(b), step = 1/16) as va
  valve b[.., :3] by logistic(linear(a), step = 1/16) as vb
  mix b by lu()
}
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) { repeat LAYERS { Layer(a, b) } }
"""
)


@pytest.mark.parametrize("layers", [6, 48])
def test_every_cycle_is_bit_for_bit(layers: int) -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC.replace("LAYERS", str(layers)))
    model.bits.seed = 0
    inputs = {name: (torch.randn(2, 6, 8) * 0.5).requires_grad_() for name in ("a", "b")}
    out = model(**inputs)
    before = digests(out)
    back = model.inverse(out)
    for value, was in zip(back, inputs.values(), strict=True):
        torch.testing.assert_close(value, was, atol=1e-6, rtol=0)
    again = model(*back)
    assert digests(again) == before
    assert all(torch.equal(a, b) for a, b in zip(again.state[0], out.state[0], strict=True))
    total = weighted(out._asdict()) + 1e-3 * out.run.lengths.sum()
    first = gradients(total, [*inputs.values()])  # checks every layer's checksum and both stacks
    assert digests(out) == before
    assert all(g.isfinite().all() for g in first)


def test_a_graph_that_is_kept_can_be_run_back_twice() -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC.replace("LAYERS", "2"))
    inputs = [(torch.randn(2, 6, 8) * 0.5).requires_grad_() for _ in range(2)]
    out = model(*inputs)
    loss = weighted(out._asdict())
    one = torch.autograd.grad(loss, inputs, retain_graph=True)
    other = torch.autograd.grad(loss, inputs)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_two_runs_may_wait_for_their_backward_passes() -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC.replace("LAYERS", "2"))
    inputs = [(torch.randn(2, 6, 8) * 0.5).requires_grad_() for _ in range(2)]
    first, second = model(*inputs), model(*inputs)
    assert first.run.session is not second.run.session
    gradients(weighted(first._asdict()) + weighted(second._asdict()), inputs)
