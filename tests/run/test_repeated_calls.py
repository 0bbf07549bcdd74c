"""What is called twice in one body or one expression: blocks that emit, nets that were brought."""

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.passes.invert import invert
from revc.passes.lint import lint

HEAD = """use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
block K(p, q: [B, c]) {
  p += mlp(q, width = 8)
  emit e = p
  q += tanh(p)
  emit f = q
}
"""
BODIES = {
    "twice": ("K(a, b)\nK(b, a)", ["K_0_e", "K_0_f", "K_1_e", "K_1_f"]),
    "labelled": ("one: K(a, b)\ntwo: K(b, a)", ["one_e", "one_f", "two_e", "two_f"]),
    "once": ("K(a, b)\nemit g = a", ["e", "f", "g"]),
    "beside an own one": ("K(a, b)\nemit e = b", ["K_0_e", "K_0_f", "e"]),
    "in a loop": ("repeat 2 { K(a, b)\nK(b, a) }", ["K_0_e", "K_0_f", "K_1_e", "K_1_f"]),
    "undone": ("one: K(a, b)\nuncall one(a, b)", ["one_e", "one_f", "one_1_f", "one_1_e"]),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_block_that_emits_is_called_more_than_once(name: str) -> None:
    body, emits = BODIES[name]
    text = f"{HEAD}model M(a, b: [B, c]) {{\n{body}\n}}\n"
    inverse = invert(text)
    assert lint(text).findings == lint(inverse).findings == ()
    model, undone = revc.compile(text), revc.compile(inverse)
    undone.load_state_dict(model.state_dict())
    a, b = (torch.randn(3, 8, requires_grad=True) for _ in range(2))
    out = model(a, b)
    assert sorted(out._fields[2:]) == sorted(emits)
    sum(value.square().sum() for value in out).backward(retain_graph=True)
    assert a.grad is not None
    torch.testing.assert_close(model.inverse(out)[0], a, atol=1e-6, rtol=0)
    again = undone(out.a.detach(), out.b.detach())
    torch.testing.assert_close(again.a, a, atol=1e-5, rtol=0)
    if name != "undone":  # whose two calls the inverse takes in the other order
        for field in emits:
            torch.testing.assert_close(
                getattr(again, field), getattr(out, field), atol=1e-5, rtol=0
            )


def test_a_name_that_is_emitted_twice_by_loops_is_refused() -> None:
    text = f"{HEAD}model M(a, b: [B, c]) {{\nrepeat 2 {{ K(a, b) }}\nrepeat 2 {{ K(a, b) }}\n}}\n"
    assert {d.code for d in lint(text).findings} == {"S009"}


class Own(nn.Module):
    """A net with parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        """Return tanh of a linear map."""
        return torch.tanh(self.linear(x))


def test_a_brought_net_that_an_expression_calls_twice() -> None:
    torch.manual_seed(0)
    text = "dim B, c = 8\nstate lattice(Q12.20)\nnet F(x: [B, c]) -> [B, c]\n"
    net = Own()
    model = revc.compile(
        f"{text}model M(a, b: [B, c]) {{ a += F(b) + F(F(b)) * F(2*b) }}\n", nets={"F": net}
    )
    a, b = (torch.randn(3, 8, requires_grad=True) for _ in range(2))
    (model(a, b).a * b.detach()).sum().backward()
    found = [p.grad.clone() for p in net.parameters() if p.grad is not None] + [b.grad]
    known = b.detach().requires_grad_()
    value = ((net(known) + net(net(known)) * net(2 * known)) * known.detach()).sum()
    expected = torch.autograd.grad(value, [*net.parameters(), known])
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)
