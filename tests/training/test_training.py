"""Loss terms and callbacks of `revc.training`."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError
from revc.runtime.model import ReversibleModel
from revc.training import (
    Alpha,
    DualAscent,
    Objective,
    Protocol,
    allowed_bits,
    bits_per_dim,
    cosine,
    expected_loss,
    linear,
)

SPEC = """
use std.nets: linear
dim B, T, d = 8
state lattice(Q12.20)
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  repeat 2 {
    b += linear(a)
    valve a[.., :4] by logistic(linear(b), step = 1/16) as va
  }
}
budget net(Net.va) <= 3 bits/token/valve
"""
TOKENS, TURNS = 5, 2


def make() -> tuple[ReversibleModel, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    return revc.compile(SPEC), (torch.randn(3, TOKENS, 8) * 0.3, torch.randn(3, TOKENS, 8) * 0.3)


def test_a_budget_is_worth_what_the_spec_says() -> None:
    model, inputs = make()
    assert list(allowed_bits(model(*inputs)).values()) == [3 * TOKENS * TURNS]


def test_the_objective_is_what_is_written_down() -> None:
    model, inputs = make()
    model.throttle["va"] = 0.25
    out = model(*inputs)
    task, bits = out.a.square().sum(), out.written["va"].mean()
    excess = 0.75 * bits - 3 * TOKENS * TURNS
    assert excess > 0
    loss = Objective(model, write=0.1, penalty=0.01)(task, out)
    torch.testing.assert_close(loss, task + 0.1 * bits + 0.01 * excess**2)
    own = list(model.parameters())
    mine = torch.autograd.grad(loss, own, retain_graph=True)
    theirs = torch.autograd.grad(task + 0.1 * bits + 0.01 * excess**2, own)
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_within_its_budget_and_at_alpha_1_nothing_is_added() -> None:
    model, inputs = make()
    out = model(*inputs)
    task = out.a.sum()
    assert Objective(model, penalty=1.0)(task, out) == task
    assert expected_loss(model, out) == 0
    assert Objective(model)(task, out) is task


def test_a_learned_throttle_gets_the_straight_through_gradient() -> None:
    model, inputs = make()
    alpha = Alpha(model, "Net.va", init=0.5)
    assert model.throttle.of("va") == pytest.approx(0.5)
    out = model(*inputs)
    loss = expected_loss(model, out, {"va": alpha})
    loss.backward()
    wanted = -out.written["va"].mean().detach() * 0.25
    torch.testing.assert_close(alpha.logit.grad, wanted)
    with torch.no_grad():
        alpha.logit.fill_(3.0)
    alpha.push()
    assert model.throttle.of("va") == pytest.approx(float(torch.sigmoid(torch.tensor(3.0))))
    assert not any(p is alpha.logit for p in model.parameters())


def test_dual_ascent_ends_at_the_bound() -> None:
    model, inputs = make()
    alpha = Alpha(model, "va", init=0.9)
    bound = 20.0
    objective = DualAscent(model, rate=0.002, budget=bound, alphas=[alpha])
    optimiser = torch.optim.SGD(alpha.parameters(), lr=0.02)
    lost = []
    for _ in range(250):
        out = model(*inputs)
        lost.append(float(expected_loss(model, out, {"va": alpha}).detach()))
        task = 30 * alpha().square()  # it costs something to keep bits
        optimiser.zero_grad()
        objective(task, out).backward()
        optimiser.step()
        alpha.push()
        objective.step()
    assert sum(lost[-50:]) / 50 == pytest.approx(bound, rel=0.2)
    assert objective.multipliers[0] > 0


def test_one_budget_does_not_pay_for_another() -> None:
    torch.manual_seed(0)
    second = "  valve b[.., :4] by logistic(linear(a), step = 1/16) as vb\n  }\n}\n"
    two = SPEC.replace("}\n}\n", second)
    model = revc.compile(two + "budget net(Net.vb) <= 800 bits/token/valve\n")
    model.throttle["va"] = 0.25
    out = model(*torch.randn(2, 3, TOKENS, 8))
    excess = 0.75 * out.written["va"].mean() - 3 * TOKENS * TURNS
    assert excess > 0
    loss = Objective(model, penalty=0.01)(out.a.sum(), out)
    torch.testing.assert_close(loss, out.a.sum() + 0.01 * excess**2)


def test_the_protocol_measures_first_and_throttles_then() -> None:
    model, inputs = make()
    protocol = Protocol(model, linear(0.0, 2.0), steps=4, warmup=3, units=TOKENS * TURNS)
    alphas = []
    for _ in range(9):
        out = model(*inputs)
        alphas.append(protocol.step(out)["va"]["alpha"])
    assert alphas[:4] == [1.0] * 4
    assert alphas[4:] == sorted(alphas[4:], reverse=True)
    written = sum(row["va"]["written"] for row in protocol.history[:8]) / 8
    assert alphas[-1] == pytest.approx(1 - 2.0 / written)
    assert [row["step"] for row in protocol.history] == list(range(9))


def test_schedules() -> None:
    assert [linear(1, 3)(x) for x in (0.0, 0.5, 1.0)] == [1, 2, 3]
    assert [cosine(1, 3)(x) for x in (0.0, 0.5, 1.0)] == [1, 2, 3]
    assert cosine(0, 1)(0.1) < 0.1


def test_what_cannot_be_trained_is_said() -> None:
    model, _ = make()
    plain = revc.compile("dim B\nstate lattice(Q12.20)\nmodel N(a: [B]) -> (a: [B]) { negate a }")
    with pytest.raises(BindError, match="exchanges no bits"):
        Objective(plain)
    with pytest.raises(BindError, match="no valve is under a budget"):
        Protocol(plain, linear(0, 1), steps=1, warmup=1)
    with pytest.raises(BindError, match="want above 0"):
        Protocol(model, linear(0, 1), steps=1, warmup=0)
    with pytest.raises(BindError, match=r"inside \(0, 1\)"):
        Alpha(model, "va", init=1.0)


def test_training_needs_no_compiler() -> None:
    code = (
        "import sys, revc.training; bad = ('revc.codegen', 'revc.passes', 'revc.grammar'); "
        "sys.exit(any(name.startswith(bad) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bits_per_dim_is_the_mean_by_dimension() -> None:
    score = torch.tensor([10.0, 14.0], requires_grad=True)
    found = bits_per_dim(score, (2, 3, 2))
    assert found.item() == 2.0
    found.backward()
    assert score.grad is not None
    assert score.grad.tolist() == pytest.approx([1 / 12, 1 / 12])
