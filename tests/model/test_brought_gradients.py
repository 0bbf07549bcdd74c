"""Gradients of brought modules that a program calls more than once: what is added to what."""

import pytest
import torch
from torch import Tensor, nn

import revc
from tests.model.laws import gradients, weighted
from tests.model.reference import Reference


class Sum(nn.Module):
    """Autograd gives both parameters one tensor as their gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.p, self.q = (nn.Parameter(torch.randn(8)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) * (self.p + self.q)


class Spread(nn.Module):
    """Autograd gives one parameter a number spread over its shape, the other the cotangent."""

    def __init__(self) -> None:
        super().__init__()
        self.p, self.q = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(2, 3, 8))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) * self.p.sum() + self.q


NETS = {"linear": lambda: nn.Linear(8, 8), "sum": Sum, "spread": Spread}
BODIES = (
    "a += F(g) * tanh(F(g))",
    "a += F(g) + F(g)",
    "a += F(g) / (2 + abs(F(b)))\n  b += F(a)",
    "a += F(b)\n  b -= 0.5 * F(a)",
    "repeat 3 share {\n    a += F(b) * F(b)\n    b += F(a)\n  }",
)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("net", NETS)
def test_gradients_of_a_net_that_is_called_again(net: str, body: str) -> None:
    torch.manual_seed(0)
    model = revc.compile(
        "dim B\nstate lattice(Q24.40)\nnet F(x: float32[B, 3, 8]) -> [B, 3, 8]\n"
        f"model Net(a: [B, 3, 8], b: [B, 3, 8], given g: [B, 3, 8]) {{\n  {body}\n}}\n",
        nets={"F": NETS[net]},
    ).double()
    made = torch.Generator().manual_seed(1)
    a, b, g = (
        (torch.randint(-99, 99, (2, 3, 8), generator=made) / 256).double().requires_grad_()
        for _ in range(3)
    )
    leaves = [a, b, g, *model.parameters()]
    found = gradients(weighted(model(a, b, g)._asdict()), leaves)
    reference = Reference(model.graphs.program, model.net_modules())
    wanted = gradients(weighted(reference(a=a, b=b, g=g)), leaves)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)
