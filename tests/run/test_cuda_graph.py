"""A training step with valves captured by `torch.cuda.graph`, and replayed with other inputs."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Logistic, Uniform
from revc.runtime.bits.errors import LaneError
from revc.runtime.model import ReversibleModel
from revc.runtime.run.guard import NonFiniteError

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # Gradients were first added up on the stream that warmed up, as torch's own example does it.
    pytest.mark.filterwarnings("ignore:The AccumulateGrad node's stream:UserWarning"),
]

SPEC = """use std.nets: dropout, linear, mlp, norm
dim B, T, d = 16
state lattice(Q12.20)
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  repeat 3 {
    a += linear(norm(b))
    b += dropout(mlp(norm(a), width = 32), p = 0.1)
    valve a[.., :4] by logistic(linear(b), step = 1/16) as va
  }
}
budget net(Net.va) <= 1 bits/token/valve
"""
SHAPE = (3, 40, 16)
WAITED = "called a synchronizing CUDA operation"


def make(throttle: float = 1.0) -> tuple[ReversibleModel, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(SPEC).to("cuda")
    model.bits.seed = 1
    model.throttle["va"] = throttle
    values = {name: torch.randn(SHAPE, device="cuda").mul_(0.4) for name in ("a", "b")}
    return model, {name: x.requires_grad_() for name, x in values.items()}


def step(model: ReversibleModel, values: dict[str, Tensor]) -> Any:
    """Run a step; gradients come to the leaves."""
    out = model(**values)
    loss = (out.a.cos() + out.b.sin()).sum() + 0.1 * out.written["va"].sum()
    loss.backward()
    return out


def record(work: Callable[[], Any], leaves: list[Tensor]) -> tuple[torch.cuda.CUDAGraph, Any]:
    """Capture a step as torch's documentation says: warmed up on a side stream."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            work()
    torch.cuda.current_stream().wait_stream(side)
    for leaf in leaves:
        leaf.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = work()
    return graph, kept


def tapes(out: Any) -> dict[str, str]:
    return {name: stack.digest() for name, stack in out.run.session.stacks.items()}


@pytest.mark.parametrize("throttle", [1.0, 0.9])
def test_replays_give_the_eager_steps_gradients_and_tapes_bit_for_bit(throttle: float) -> None:
    model, values = make(throttle)
    leaves = [*values.values(), *model.parameters()]
    graph, kept = record(lambda: step(model, values), leaves)
    for turn in range(3):
        torch.manual_seed(turn)
        with torch.no_grad():
            for value in values.values():
                value.copy_(torch.randn(SHAPE) * 0.4)
        graph.replay()
        found = [leaf.grad.clone() for leaf in leaves if leaf.grad is not None]
        assert len(found) == len(leaves)
        seen, books = kept.a.clone(), kept.ledger.bits("net", "va").clone()
        wanted = {name: x.detach().clone().requires_grad_() for name, x in values.items()}
        out = model(**wanted)
        loss = (out.a.cos() + out.b.sin()).sum() + 0.1 * out.written["va"].sum()
        eager = torch.autograd.grad(loss, [*wanted.values(), *model.parameters()])
        assert torch.equal(seen, out.a)
        assert torch.equal(books, out.ledger.bits("net", "va"))
        assert all(torch.equal(one, other) for one, other in zip(found, eager, strict=True))
        assert tapes(kept) == tapes(out), "each way back leaves the tape as it was"
        model.verify()


def test_each_replay_draws_bits_of_its_own() -> None:
    model, values = make()
    model.bits.seed = None
    graph, kept = record(lambda: step(model, values), [*values.values(), *model.parameters()])
    drawn = []
    for _ in range(2):
        graph.replay()
        drawn.append(kept.a.clone())
        model.verify()
    assert not torch.equal(drawn[0], drawn[1])


def test_a_wrong_replay_is_told_by_verify() -> None:
    model, values = make()
    graph, _ = record(lambda: step(model, values), [*values.values(), *model.parameters()])
    graph.replay()
    model.verify()
    with torch.no_grad():
        values["b"][1, 2, 3] = float("nan")
    graph.replay()
    with torch.no_grad():
        values["b"][1, 2, 3] = 0.0
    graph.replay()
    with pytest.raises(NonFiniteError, match="b goes from nan"):
        model.verify()
    graph.replay()
    model.verify()


def test_a_stack_from_outside_keeps_its_place() -> None:
    stack = BitStack(2, 32, seed=3, device="cuda")
    loc, scale = torch.randn(2, 900, device="cuda"), torch.ones(2, 900, device="cuda")
    symbols = torch.zeros(2, 900, dtype=torch.int32, device="cuda")

    def work() -> Tensor:
        stack.push(symbols, Logistic(loc, scale))
        return stack.pop(Logistic(loc, scale))

    stack.reserve(3 * 3 * 29)  # words that three pushes of 29 steps may take, whatever was popped
    graph, popped = record(work, [])
    for turn in range(3):
        symbols.fill_(turn)
        graph.replay()
        assert torch.equal(popped, symbols)
    assert stack.untouched().all()


def test_a_stack_from_outside_does_not_grow_in_a_graph() -> None:
    stack = BitStack(2, 32, seed=3, device="cuda")
    symbols = torch.zeros(2, 90_000, dtype=torch.int32, device="cuda")
    model = Uniform(1 << 16, "cuda")
    other = BitStack(2, 32, seed=3, device="cuda")
    other.push(symbols, model)  # kernels are made before
    with pytest.raises(LaneError, match="reserve the words before"):  # noqa: SIM117
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            stack.push(symbols, model)


@pytest.mark.parametrize("throttle", [1.0, 0.9])
def test_an_eager_pass_waits_once(throttle: float) -> None:
    model, values = make(throttle)
    step(model, values)
    torch.cuda.synchronize()
    counts = []
    before = torch.cuda.get_sync_debug_mode()
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            out = model(**values)
            counts.append(sum(WAITED in str(w.message) for w in seen))
            (out.a.sum() + out.written["va"].sum()).backward()
            counts.append(sum(WAITED in str(w.message) for w in seen) - counts[0])
    finally:
        torch.cuda.set_sync_debug_mode(before)
    assert counts == [1, 1], [str(w.message) for w in seen]
