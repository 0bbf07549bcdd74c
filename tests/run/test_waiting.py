"""On a device the host waits once a pass, at its end, and hears everything then.

The device is played on the CPU (`tests.played`).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.audit.data import made
from revc.errors import BindError, ReconstructionError
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.errors import LaneError, ReservoirExhaustedError
from revc.runtime.model import ReversibleModel
from revc.runtime.run.guard import ClampWarning, NonFiniteError
from tests.metered.test_programs import HEAD, PAIR, SPECS
from tests.model import specs
from tests.model.laws import gradients
from tests.played import Played, played
from tests.run.waiting import captured, looks

VALVE = "valve a[.., :3] by logistic(linear(b), step = 1/16"
LOOP = "repeat 3 {{ b += linear(a)\n{}) as va\na += linear(b) }}"
BUDGET = "budget net(Net.va) <= 2 bits/token/valve\n"
MATRIX = {"orthogonal", "householder", "lu", "undone lu", "declared matrix", "mixed in a repeat"}
"""A matrix of lifting steps is factored on the host: each `mix` by one reads it."""

OTHERS = {
    "language": specs.LANGUAGE,
    "plain": specs.HEAD + PAIR.format("repeat 3 { a += linear(norm(b))\nswap a, b }"),
    "emits": specs.HEAD + PAIR.format("a += linear(b)\nemit y = tanh(linear(a))\nb += linear(a)"),
    "alloc": specs.HEAD + PAIR.format("alloc z: [B, T, d] = 0.5\na += linear(z)\nfree z = 0.5"),
    "budget": HEAD + PAIR.format(LOOP.format(VALVE)) + BUDGET,
    "float state": (HEAD + PAIR.format(LOOP.format(VALVE))).replace("lattice(Q12.20)", "float32"),
    "drop": HEAD + PAIR.format(LOOP.format(VALVE + ", residue = drop(16)")) + BUDGET,
}
THROTTLED = ("budget", "drop")
WAITED = {name: spec for name, spec in SPECS.items() if name not in MATRIX} | OTHERS


@pytest.fixture
def device() -> Iterator[Played]:
    with played() as here:
        yield here


def make(name: str) -> tuple[ReversibleModel, dict[str, Tensor]]:
    """Return a model on the device, and inputs of it."""
    torch.manual_seed(0)
    model = revc.compile(WAITED[name] if name in WAITED else SPECS[name]).to("cuda")
    model.bits.seed = 0
    if name in THROTTLED:
        model.throttle["va"] = 0.9
    values = {x: torch.randn(2, 5, 8) * 0.4 for x in ("a", "b")}
    if name == "language":
        values = made(model.graphs.program, 2, {})
    values = {x: value.to("cuda") for x, value in values.items()}
    return model, {x: v.requires_grad_(v.is_floating_point()) for x, v in values.items()}


def loss_of(out: Any) -> Tensor:
    """Return a loss of every value that a run gives, and of its code lengths."""
    floats = [x.double() for x in out if x.is_floating_point()]
    loss = torch.stack([(x * x.cos()).sum() for x in floats]).sum()
    if out.run.lengths is not None:
        loss = loss + 0.1 * out.run.lengths.double().sum()
    return loss


def step(model: ReversibleModel, values: dict[str, Tensor]) -> list[Tensor]:
    """Return the gradients of a step."""
    leaves = [x for x in values.values() if x.requires_grad]
    return gradients(loss_of(model(**values)), [*leaves, *model.parameters()])


ONCE = Counter({"tolist in run/deferred.py:settle": 1})


@pytest.mark.parametrize("mode", ["lossless", "audit"])
@pytest.mark.parametrize("name", WAITED)
def test_a_pass_waits_once_at_its_end(name: str, mode: Any, device: Played) -> None:
    if mode == "audit" and "valve" not in name and name not in OTHERS:
        pytest.skip("nothing is written in another way")
    model, values = make(name)
    model.bits.mode = mode
    step(model, values)  # tables are made once
    with looks(device) as forward:
        out = model(**values)
    loss = loss_of(out)
    with looks(device) as backward:
        loss.backward()
    assert forward == ONCE
    assert backward == ONCE


def spoil(model: ReversibleModel) -> None:
    """Change a parameter so that the way back has other increments, without autograd's notice."""
    next(p for n, p in model.named_parameters() if n.endswith("weight")).data.add_(1.0)


def placed(values: dict[str, Tensor], name: str, value: float) -> None:
    """Put a value at [1, 2, 3]."""
    with torch.no_grad():
        values[name][1, 2, 3] = value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_input_that_is_not_finite_is_refused(value: float, device: Played) -> None:
    model, values = make("plain")
    placed(values, "b", value)
    with pytest.raises(NonFiniteError, match=r"b\[1, 2, 3\]"):
        model(**values)


def test_a_clamped_input_is_counted_and_has_no_gradient(device: Played) -> None:
    model, values = make("plain")
    placed(values, "a", 1e6)
    with pytest.warns(ClampWarning, match=r"a\[1, 2, 3\]"):
        grad = step(model, values)[0]
    assert dict(model.counts.inputs) == {"a clamped": 1}
    assert grad[1, 2, 3] == 0
    assert grad.count_nonzero() > grad.numel() // 2


@pytest.mark.parametrize("name", ["plain", "budget", "drop"])
def test_what_cannot_be_rebuilt_is_found(name: str, device: Played) -> None:
    model, values = make(name)
    out = model(**values)
    spoil(model)
    with pytest.raises(ReconstructionError, match="could not be rebuilt bit for bit"):
        loss_of(out).backward()


DRY = """dim B, T
state lattice(Q12.20)
reservoir e(seed = 5, bits = 900)
model Net(given x: float32[B, T]) -> (y: label(16)[B, T]) {
  draw y: label(16)[B, T] by uniform(16) as out on e
}
"""


def test_an_exhausted_reservoir_is_found(device: Played) -> None:
    model = revc.compile(DRY).to("cuda")
    model.bits.lanes = 32
    model(torch.zeros(2, 64, device="cuda"))
    with pytest.raises(ReservoirExhaustedError, match="reservoir e has 900 bits"):
        model(torch.zeros(2, 1000, device="cuda"))


# --- in a graph -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAITED)
def test_a_captured_step_looks_at_nothing(name: str, device: Played) -> None:
    model, values = make(name)
    wanted = step(model, values)
    with captured(), looks(device) as found:
        mine = step(model, values)
    assert not found
    assert all(torch.equal(one, other) for one, other in zip(mine, wanted, strict=True))
    model.verify()


def test_what_was_not_run_before_cannot_be_captured(device: Played) -> None:
    model, values = make("plain")
    with captured(), pytest.raises(BindError, match="run a whole step outside"):
        model(**values)


def test_a_wrong_replay_is_told_once_by_verify(device: Played) -> None:
    model, values = make("budget")
    step(model, values)
    with captured():
        out = model(**values)
        spoil(model)
        loss_of(out).backward()
        step(model, values)  # a good one
    with pytest.raises(ReconstructionError):
        model.verify()
    model.verify()


def test_a_graph_tells_by_verify_that_an_input_was_not_finite(device: Played) -> None:
    model, values = make("plain")
    step(model, values)
    placed(values, "b", float("nan"))
    with captured():
        step(model, values)
    with pytest.raises(NonFiniteError, match="b goes from nan"):
        model.verify()


def test_a_graph_gives_no_gradient_where_it_clamps_and_says_so_by_verify(device: Played) -> None:
    model, values = make("plain")
    step(model, values)
    placed(values, "b", 1e6)
    with captured():
        grad = step(model, values)[1]
    assert grad[1, 2, 3] == 0
    assert grad.count_nonzero() > grad.numel() // 2
    with pytest.warns(ClampWarning, match="1 elements of b"):
        model.verify()
    assert dict(model.counts.inputs) == {"b clamped": 1}


LABELS = """dim B, T
state lattice(Q12.20)
model Net(x: label(7)[B, T], given g: label(7)[B, T]) -> (x: label(7)[B, T]) {
  x += g
}
"""


def test_labels_of_a_graph_are_judged_by_verify(device: Played) -> None:
    model = revc.compile(LABELS).to("cuda")
    labels = {name: torch.zeros(2, 3, dtype=torch.int64, device="cuda") for name in ("x", "g")}
    model(**labels)
    labels["g"][1, 1] = 7
    with captured():
        model(**labels)
    with pytest.raises(BindError, match=r"g goes from 0 to 7, and labels of .* lie in \[0, 7\)"):
        model.verify()


def test_a_matrix_that_the_host_factors_is_refused(device: Played) -> None:
    model, values = make("orthogonal")
    step(model, values)
    with captured(), pytest.raises(BindError, match="factors it on the host"):
        model(**values)


def test_a_stack_from_outside_a_graph_has_to_reserve(device: Played) -> None:
    uniform, symbols = Uniform(1 << 16, "cuda"), torch.zeros(2, 900, dtype=torch.int32)
    symbols = symbols.to("cuda")
    stack = BitStack(2, 32, device="cuda")
    with captured(), pytest.raises(LaneError, match="reserve the words before"):
        stack.push(symbols, uniform)
    stack.reserve(29)
    with captured():
        stack.push(symbols, uniform)
        assert torch.equal(stack.pop(uniform, (2, 900)), symbols)
        BitStack(2, 32, device="cuda").push(symbols, uniform)  # one from inside grows
    assert stack.untouched().all()


def test_a_tape_that_streams_out_is_in_no_graph(device: Played) -> None:
    model, values = make("budget")
    model.bits.spill = "host"
    step(model, values)
    with captured(), pytest.raises(LaneError, match="cannot replay a stack that streams out"):
        model(**values)


def test_each_replay_draws_bits_of_its_own(device: Played) -> None:
    model, values = make("logistic valve")
    model.bits.seed = None
    step(model, values)
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)  # the number that a capture draws, and its replays share
        with captured():
            out = model(**values)
            loss_of(out).backward()
        drawn.append(out.a)
        model.verify()
        seeds = [stack.seed for stack in out.run.session.stacks.values()]
        assert len(set(seeds)) == 2
    assert not torch.equal(drawn[0], drawn[1])
    model.bits.seed = 1
    with captured():
        first, second = model(**values), model(**values)
    assert torch.equal(first.a, second.a)
