"""Whatever is done to a captured module between calls, it does what it does when it is called."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from tests.capture import changes
from tests.capture.changes import HOOKS, Scales, Tree, changed, set_factor

SPEC = """dim B, d = 4
state lattice(Q12.20)
model Net(a, b: [B, d]) {
  net F(x: [B, d]) -> [B, d]
  a += F(b)
}
"""


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(changes, "FACTOR", 1.0)
    monkeypatch.setattr(Scales, "kind", 1.0)
    yield
    while HOOKS:
        HOOKS.pop().remove()
    set_factor(1.0)


def found(model: Any, net: nn.Module) -> list[Tensor]:
    a, b = (torch.linspace(low, low + 2, 8).view(2, 4) for low in (-1.0, -0.7))
    out = model(a, b.requires_grad_())
    loss = (out.a * torch.arange(8).view(2, 4)).sum() + out.b.sum()
    leaves = [b, *(value for value in net.parameters() if value.requires_grad)]
    return [out.a.detach(), *torch.autograd.grad(loss, leaves, materialize_grads=True)]


@pytest.mark.parametrize("seed", range(5))
def test_captured_is_called(seed: int) -> None:
    torch.manual_seed(seed)
    draw, net, done = random.Random(seed), Tree(), list[str]()
    captured, called = (
        revc.compile(SPEC, nets={"F": net}, capture=how) for how in ("auto", "never")
    )
    for _ in range(8):
        done += [changed(net, draw) for _ in range(draw.choice([0, 1, 1, 2]))]
        for one, other in zip(found(captured, net), found(called, net), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3, msg=str(done))
