"""How many kernels a layer and a valve launch on a device: counted figures, which may fall."""

import pytest
import torch

import revc
from tests.played import played
from tests.run.launches import launches

HEAD = """use std.nets: attention, linear, mlp, norm
dim B, T, d = 32
state lattice(Q12.20)
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
"""
LAYER = """a += attention(norm(b), heads = 4, causal = true, rotary = true)
b += mlp(norm(a), width = 64)
"""
VALVE = "valve a[.., :8] by logistic(linear(b), step = 1/16) as va\n"
BUDGET = "budget net(Net.va) <= 1 bits/token/valve\n"


def passes(turns: int, valve: bool, throttle: float) -> tuple[int, int]:
    """Return what the two passes of a net of so many layers launch."""
    torch.manual_seed(0)
    body = f"repeat {turns} {{\n{LAYER}{VALVE if valve else ''}}}\n}}\n"
    with played() as here:
        model = revc.compile(HEAD + body + (BUDGET if valve else "")).to("cuda")
        model.bits.seed = 0
        if valve:
            model.throttle["va"] = throttle
        a, b = (torch.randn(2, 12, 32).to("cuda").requires_grad_() for _ in range(2))
        leaves = [a, b, *model.parameters()]

        def loss() -> torch.Tensor:
            out = model(a, b)
            return (out.a + out.b).sum() + (out.written["va"].sum() if valve else 0)

        torch.autograd.grad(loss(), leaves)  # tables are made once
        with launches(here) as forward:
            value = loss()
        with launches(here) as backward:
            torch.autograd.grad(value, leaves)
    return sum(forward.values()), sum(backward.values())


def a_layer(valve: bool, throttle: float = 1.0) -> tuple[float, float]:
    """Return what one layer more launches in each pass."""
    few, many = (passes(turns, valve, throttle) for turns in (2, 6))
    return (many[0] - few[0]) / 4, (many[1] - few[1]) / 4


@pytest.mark.parametrize(
    ("valve", "throttle", "forward", "backward"),
    [(False, 1.0, 38, 73), (True, 1.0, 59, 103), (True, 0.9, 156, 260)],
)
def test_what_a_layer_launches(valve: bool, throttle: float, forward: int, backward: int) -> None:
    found = a_layer(valve, throttle)
    assert found[0] <= forward
    assert found[1] <= backward
