"""Float state that strays on the way back, emits that come out different."""

import itertools
import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import revc
from revc.errors import ReconstructionError
from revc.runtime.state import drift

SPEC = """dim B, T, d = 8
state {state}
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{
  net F(x: [B, T, d]) -> [B, T, d]
  repeat 2 {{
    a += F(b)
    b += F(a)
  }}
}}
"""
EMITTING = """dim B, T, d = 8
state lattice(Q12.20)
model Net(a: [B, T, d]) -> (a: [B, T, d]) {
  net F(x: [B, T, d]) -> [B, T, d]
  emit e = F(a)
}
"""


class Dropping(nn.Linear):
    """A net that draws its own mask, in a way that no scan of its source finds."""

    def __init__(self) -> None:
        super().__init__(8, 8)
        self.draw = torch.bernoulli

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.draw(torch.full_like(x, 0.5))


_FACTORS = itertools.cycle([1.0, -8.0, 64.0])


class Wandering(nn.Linear):
    """A net whose calls differ, and that draws from Python's generator: no key stands for that."""

    def __init__(self) -> None:
        super().__init__(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        random.random()
        return super().forward(x) * next(_FACTORS)


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 4, 8, requires_grad=True), torch.randn(2, 4, 8)


def test_float_state_finds_a_net_that_does_not_repeat() -> None:
    model = revc.compile(SPEC.format(state="float32"), nets={"F": Wandering})
    with pytest.raises(ReconstructionError, match=r"as closely as `model\.drift` says"):
        model(*inputs()).a.sum().backward()
    model.drift = float("inf")
    model(*inputs()).a.sum().backward()


@pytest.mark.parametrize("back", ["backward", "inverse"])
def test_float_state_finds_a_changed_parameter(back: str) -> None:
    model = revc.compile(SPEC.format(state="float32"), nets={"F": lambda: nn.Linear(8, 8)})
    out = model(*inputs())
    model.inverse(out)
    next(model.parameters()).data.mul_(1.5)
    with pytest.raises(ReconstructionError):
        out.a.sum().backward() if back == "backward" else model.inverse(out)


def test_float_state_of_zeros_comes_back() -> None:
    model = revc.compile(SPEC.format(state="float32"), nets={"F": lambda: nn.Linear(8, 8)})
    zeros = torch.zeros(2, 4, 8, requires_grad=True)
    out = model(zeros, torch.zeros(2, 4, 8))
    model.inverse(out)
    out.a.sum().backward()


@given(st.integers(1, 5000), st.floats(1e-6, 1e-1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_sketch_sees_what_is_off_by_a_share(count: int, share: float, whole: bool) -> None:
    torch.manual_seed(count)
    x = torch.randn(count, dtype=torch.float64) * 1000
    y = x * (1 + share * torch.randn(count, dtype=torch.float64))
    x, y = (x.round().long(), y.round().long()) if whole else (x, y)
    then, now = drift.sketch([x]), drift.sketch([y])
    rounding = 2 * count**0.5 if whole else 0.0
    assert (now[0] - then[0]).abs() <= 8 * (share * then[1] + rounding)
    assert drift.strayed(then, then, torch.tensor(0.0, dtype=torch.float64)).item() == 0
    assert torch.isclose(then[1], x.double().norm())


Pattern = Callable[[Tensor, Tensor], Tensor]
PATTERNS: dict[str, Pattern] = {
    "a constant": lambda row, channel: 1 + 0 * (row + channel),
    "a number a channel": lambda row, channel: channel % 3 - 1 + 0 * row,
    "a number a row": lambda row, channel: row % 5 - 2 + 0 * channel,
    "halves of channels": lambda row, channel: (2 * channel > channel.amax()) * 2 - 1 + 0 * row,
    "every other row": lambda row, channel: row % 2 * 2 - 1 + 0 * channel,
    "one channel": lambda row, channel: (channel == 0) + 0 * row,
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_sketch_sees_what_is_off_in_a_pattern(pattern: str) -> None:
    """By a hundredth of its size: a random projection is smaller once in 130 times."""
    widths = (1, 2, 4, 8, 64, 100, 576, 1024, 4096)
    small = 0
    for rows, width in itertools.product((2, 3, 8, 64, 512), widths):
        off = PATTERNS[pattern](torch.arange(rows)[:, None], torch.arange(width)).float()
        total, norm = drift.sketch([off]).abs().tolist()
        assert total >= 1e-3 * norm
        small += total < 0.01 * norm
    assert small <= 1


def test_nothing_that_is_no_number_is_near() -> None:
    row = drift.sketch([torch.tensor([float("nan")])])
    assert drift.strayed(row, row, torch.tensor(float("inf"))).item() == 1


# Dynamo itself warns of how it makes an autograd Function.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_compiled_float_state_finds_what_eager_float_state_does() -> None:
    model = revc.compile(SPEC.format(state="float32"), nets={"F": lambda: nn.Linear(8, 8)})
    compiled = torch.compile(model, backend="aot_eager", dynamic=False)
    out = compiled(*inputs())
    out.a.sum().backward(retain_graph=True)
    for value in model.parameters():
        value.data.mul_(1.5)
    with pytest.raises(ReconstructionError, match=r"as closely as `model\.drift` says"):
        out.a.sum().backward()
    model.drift = float("inf")
    compiled(*inputs()).a.sum().backward()


# --- emits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["float32", "lattice(Q12.20)"])
def test_a_net_in_an_emit_must_repeat(state: str) -> None:
    model = revc.compile(EMITTING.replace("lattice(Q12.20)", state), nets={"F": Wandering})
    with pytest.raises(ReconstructionError, match="what it emits came out different"):
        model(inputs()[0]).e.sum().backward()
    if state == "float32":
        model.drift = float("inf")
        model(inputs()[0]).e.sum().backward()


@pytest.mark.parametrize("state", ["float32", "lattice(Q12.20)"])
@pytest.mark.parametrize("factor", [2.0, -1.0, 1.5])
def test_a_net_in_an_emit_whose_weights_change_is_noticed(state: str, factor: float) -> None:
    source = "use std.nets: linear\n" + EMITTING.replace("lattice(Q12.20)", state)
    model = revc.compile(source.replace("net F(x: [B, T, d]) -> [B, T, d]", "net F = linear()"))
    for value in model.parameters():
        value.data.normal_()
    out = model(inputs()[0])
    for value in model.parameters():
        value.data.mul_(factor)
    with pytest.raises(ReconstructionError, match="what it emits came out different"):
        out.e.sum().backward()


NEAR = """use std.nets: mlp
dim B, T, d = 8
model Net(a, b: float32[B, T, d], given g: float32[B, T, d]) -> (a, b: float32[B, T, d]) {
  repeat 30 {
    a += mlp(b, width = 8)
    emit near = a - b
    b += mlp(a, width = 8)
    repeat 2 as i { emit twice = log(g) + a }
  }
}
"""


def test_emits_of_float_state_may_stray_as_it_does_and_need_not_be_finite() -> None:
    model = revc.compile(NEAR)
    a, b = inputs()
    given_ = torch.zeros(2, 4, 8)
    given_[0] = 2.0
    out = model(a, b, given_)
    assert out.twice.isinf().any()
    (out.near.sum() + out.twice[:, :, 0].sum()).backward()
    assert a.grad is not None


def test_emits_of_turns_are_compared_too() -> None:
    source = EMITTING.replace("  emit e = F(a)", "  repeat 3 { emit e = F(a) }")
    model = revc.compile(source, nets={"F": lambda: nn.Linear(8, 8)})
    out = model(inputs()[0])
    out.e.sum().backward(retain_graph=True)
    for value in model.parameters():
        value.data.mul_(1.5)
    with pytest.raises(ReconstructionError, match="turn 2: what it emits"):
        out.e.sum().backward()
