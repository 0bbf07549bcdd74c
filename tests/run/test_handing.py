"""Gradients that exist are added to as they are found: the sums are autograd's, bit for bit."""

import threading

import pytest
import torch
from torch import Tensor

import revc
from revc.planning.meter import trace
from revc.runtime import handing
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.laws import randomize, weighted
from tests.model.made import make
from tests.model.test_laws import BODIES, PAIR

TWICE = {
    "one net, turns share it": "net F = mlp(width = 4)\na += F(b)\nrepeat 2 { b += F(a) }",
    "a callee gets a net twice": (
        "net F = linear()\nTwo<F, F>(a, b)\nnet G = linear()\nnet H = linear()\nTwo<G, H>(a, b)"
    ),
    "a matrix": "mix a by orthogonal()\nb += linear(a)\nmix b by householder(2)",
    "loops in a block": "repeat 2 { repeat 3 share { a += linear(b)\n b += mlp(a, width = 4) } }",
}
TWO = """
block Two<F, G>(a, b: [B, T, d]) {
  a += F(b)
  b += G(a)
}
"""


def values_of() -> dict[str, Tensor]:
    return {name: torch.randn(2, 5, 8) for name in "ab"}


def loss_of(model: ReversibleModel, values: dict[str, Tensor]) -> Tensor:
    return weighted(model(**values)._asdict())


def random_grads(model: ReversibleModel) -> list[Tensor]:
    """Give the parameters gradients, and return copies."""
    for leaf in model.parameters():
        leaf.grad = torch.randn_like(leaf)
    return [leaf.grad.clone() for leaf in model.parameters()]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that notes of each gradient that is offered whether it is taken."""
    taken: list[bool] = []
    plain = handing._handed

    def noting(sink: object, part: Tensor | None) -> Tensor | None:
        taken.append(sink is not None and part is not None)
        return plain(sink, part)

    monkeypatch.setattr(handing, "_handed", noting)
    return taken


@pytest.mark.parametrize("body", [*BODIES.values(), *TWICE.values()])
@pytest.mark.parametrize("chunks", [1, (2, 2)])
def test_sums_are_those_of_autograd(body: str, chunks: int | tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.HEAD + TWO + PAIR.format(body), chunks=chunks)
    randomize(model)
    values, leaves = values_of(), list(model.parameters())
    if not leaves:
        return
    for schedule in ("invert", "save"):
        model.schedule = schedule
        parts = torch.autograd.grad(loss_of(model, values), leaves, allow_unused=True)
        before = random_grads(model)
        loss_of(model, values).backward()
        for leaf, old, part in zip(leaves, before, parts, strict=True):
            assert torch.equal(leaf.grad, old if part is None else old + part)


def test_all_are_taken_of_nets_that_are_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, taken = make(specs.LAYERS), counted(monkeypatch)
    loss_of(model, values_of()).backward()
    assert taken == []
    loss_of(model, values_of()).backward()
    assert taken == [True] * len(list(model.parameters()))


def test_gradients_that_are_asked_for_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values, taken = make(specs.LAYERS), values_of(), counted(monkeypatch)
    leaves, before = list(model.parameters()), random_grads(model)
    found = torch.autograd.grad(loss_of(model, values), leaves)
    assert taken == []
    assert all(torch.equal(leaf.grad, old) for leaf, old in zip(leaves, before, strict=True))
    loss_of(model, values).backward(inputs=leaves[:3])
    for index, (leaf, old, part) in enumerate(zip(leaves, before, found, strict=True)):
        assert torch.equal(leaf.grad, old + part if index < 3 else old)


def test_who_looks_at_a_gradient_sees_all_of_it_once() -> None:
    model, values = make(specs.LAYERS), values_of()
    first, second, *rest = leaves = list(model.parameters())
    parts = torch.autograd.grad(loss_of(model, values), leaves)
    seen: list[Tensor] = []
    before = random_grads(model)
    first.register_hook(lambda grad: seen.append(grad.clone()) or 2 * grad)
    second.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.clone()))
    loss_of(model, values).backward()
    assert len(seen) == 2
    assert any(torch.equal(one, parts[0]) for one in seen)
    assert any(torch.equal(one, before[1] + parts[1]) for one in seen)
    assert torch.equal(first.grad, before[0] + 2 * parts[0])
    for leaf, old, part in zip(rest, before[2:], parts[2:], strict=True):
        assert torch.equal(leaf.grad, old + part)


def test_passes_of_two_threads_lose_nothing() -> None:
    model, values = make(specs.LAYERS), values_of()
    leaves = list(model.parameters())
    parts = torch.autograd.grad(loss_of(model, values), leaves)
    for leaf in leaves:
        leaf.grad = torch.zeros_like(leaf)
    runs = [threading.Thread(target=lambda: loss_of(model, values).backward()) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    for leaf, part in zip(leaves, parts, strict=True):
        torch.testing.assert_close(leaf.grad, 4 * part, atol=1e-5, rtol=1e-5)


def test_a_second_micro_batch_holds_one_statements_gradients() -> None:
    layers = "a += linear(b)\nb += linear(a)\na += linear(b)\nb += linear(a)\nnegate a\n"
    source = specs.HEAD.replace("d = 8", "d = 128") + PAIR.format(f"repeat 2 {{\n{layers}}}")
    model = make(source)
    values = {name: torch.randn(1, 2, 128) for name in "ab"}

    def step() -> None:
        out = model(**values)
        torch.autograd.backward([out.a.sum() + out.b.sum()])

    step()
    one = 4 * 128 * 129
    assert one < trace(step).peak < 2 * one


def test_a_net_of_another_dtype_has_gradients_of_its_own() -> None:
    model, values = make(specs.LAYERS).bfloat16(), values_of()
    leaves = list(model.parameters())
    parts = torch.autograd.grad(loss_of(model, values), leaves)
    before = random_grads(model)
    loss_of(model, values).backward()
    for leaf, old, part in zip(leaves, before, parts, strict=True):
        assert leaf.grad.dtype == torch.bfloat16
        assert torch.equal(leaf.grad, old + part)
