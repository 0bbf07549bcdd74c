"""Segments: each executed, differentiated and accumulated on its own."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import BindError, ReconstructionError
from revc.runtime.run.segment import Segment
from tests.model import specs
from tests.model.laws import gradients, weighted
from tests.model.made import close, make, oracle, pair

MIXED = (
    specs.HEAD
    + """
block Layer(a, b: [B, T, d]) {
  a += linear(norm(b))
  b += mlp(norm(a), width = 12)
}
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  first: Layer(a, b)
  let h = tanh(linear(b))
  a += h
  a -= h * h
  emit middle = linear(a)
  repeat 3 as t {
    Layer(a, b)
    emit each = linear(b)
  }
  swap a, b
  uncall first(a, b)
}
"""
)


def test_a_model_lists_its_segments_in_program_order() -> None:
    model = make(MIXED)
    assert [segment.plan.name for segment in model.segments] == [
        "first", "line 12", *["repeat_0"] * 3, "line 20", "first",
    ]  # fmt: skip
    assert all(isinstance(segment, Segment) for segment in model.segments)
    assert all(segment in set(model.modules()) for segment in model.segments)


def test_segments_hold_the_nets_of_their_turn_under_the_old_names() -> None:
    model = make()
    for turn, segment in enumerate(model.segments):
        names = [f"nets.repeat_0.{turn}.{name}" for name, _ in segment.named_parameters()]
        assert names == [n for n in model.state_dict() if n.startswith(f"nets.repeat_0.{turn}.")]


def test_gradients_of_segments_of_every_sort() -> None:
    model, (a, b) = make(MIXED), pair()
    leaves = [a, b, *model.parameters()]
    out = model(a, b)
    found = gradients(weighted(out._asdict()), leaves)
    close(found, gradients(weighted(oracle(model, a=a, b=b)), leaves))
    assert all(
        torch.equal(x, torch.round(y * 2**20) / 2**20)
        for x, y in zip(model.inverse(out), (a, b), strict=True)
    )


@pytest.mark.parametrize("name", ["middle", "each"])
def test_a_loss_on_an_emit_in_the_middle(name: str) -> None:
    model, (a, b) = make(MIXED), pair()
    leaves = [a, b, *model.parameters()]
    out = model(a, b)
    found = gradients(getattr(out, name).square().sum(), leaves)
    close(found, gradients(oracle(model, a=a, b=b)[name].square().sum(), leaves))


def test_two_losses_of_one_run_one_after_the_other() -> None:
    model, (a, b) = make(MIXED), pair()
    out, leaves = model(a, b), [a, b, *model.parameters()]

    def pulled(loss: Tensor, keep: bool = True) -> list[Tensor]:
        found = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=keep)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]

    first, second = pulled(out.middle.sum()), pulled(out.a.square().sum())
    third = pulled(out.middle.sum(), keep=False)
    assert all(torch.equal(x, y) for x, y in zip(first, third, strict=True))
    close(second, gradients(oracle(model, a=a, b=b)["a"].square().sum(), leaves))


def test_gradients_of_some_inputs_alone() -> None:
    model, (a, b) = make(), pair()
    params = list(model.segments[1].parameters())
    found = torch.autograd.grad(model(a, b).a.square().sum(), params)
    close(list(found), gradients(oracle(model, a=a, b=b)["a"].square().sum(), params))


def test_going_back_twice_needs_the_graph() -> None:
    model, (a, b) = make(), pair()
    loss = model(a, b).a.sum()
    loss.backward()
    with pytest.raises((RuntimeError, BindError), match=r"second time|retain_graph"):
        loss.backward()


def test_a_pass_that_an_exception_ended_leaves_nothing_behind() -> None:
    model, (a, b) = make(specs.LAYERS), pair()
    out = model(a, b)
    loss = out.a.square().sum()

    stopping = [True]

    def stop(*_: Any) -> None:
        if stopping.pop():
            raise ArithmeticError
        stopping.append(False)

    handle = model.segments[1].register_full_backward_hook(stop)
    broken = model(a, b)
    with pytest.raises(ArithmeticError):
        broken.a.square().sum().backward(retain_graph=True)
    stopping.append(False)
    handle.remove()
    assert torch.equal(model.inverse(broken)[0], model.inverse(out)[0])
    (mine,) = torch.autograd.grad(broken.a.square().sum(), [a])
    (wanted,) = torch.autograd.grad(loss, [a])
    assert torch.equal(mine, wanted)


def test_parameters_have_their_gradients_before_the_first_segment_runs_back() -> None:
    """Of the last segment all hooks fire before the first segment's backward pass starts."""
    model, (a, b) = make(), pair()
    events: list[str] = []
    for index, segment in enumerate(model.segments):
        segment.register_full_backward_pre_hook(lambda *_, i=index: events.append(f"start {i}"))
        for param in segment.parameters():
            param.register_post_accumulate_grad_hook(lambda _, i=index: events.append(f"grad {i}"))
    weighted(model(a, b)._asdict()).backward()
    count = len(list(model.segments[2].parameters()))
    assert events.index("start 0") > max(i for i, e in enumerate(events) if e == "grad 2")
    assert events[: count + 1] == ["start 2", *["grad 2"] * count]


def test_hooks_on_segments_fire_and_what_they_saw_stays() -> None:
    model, (a, b) = make(), pair()
    seen: list[Tensor] = []
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _grads: Any, outputs: Any) -> None:
        seen.extend(g for g in outputs if g is not None)
        kept.extend(g.clone() for g in outputs if g is not None)

    for segment in model.segments:
        segment.register_full_backward_hook(keep)
    plain = gradients(weighted(make()(a, b)._asdict()), [a, b])
    found = gradients(weighted(model(a, b)._asdict()), [a, b])
    assert len(seen) == 6
    assert all(torch.equal(x, y) for x, y in zip(seen, kept, strict=True))
    assert all(torch.equal(x, y) for x, y in zip(found, plain, strict=True))


def test_an_optimiser_may_step_inside_the_backward_pass() -> None:
    model, twin, (a, b) = make(), make(), pair()
    for param in model.parameters():
        optimiser = torch.optim.SGD([param], lr=0.1)
        param.register_post_accumulate_grad_hook(lambda _, o=optimiser: o.step())
    weighted(model(a, b)._asdict()).backward()
    weighted(twin(a, b)._asdict()).backward()
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_input_that_was_changed_in_place_is_noticed() -> None:
    model = make(specs.LANGUAGE)
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    loss = model(tokens, tokens.clone()).loss
    tokens += 1
    with pytest.raises(ReconstructionError, match="`tokens` was changed in place"):
        loss.backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_segments_are_compiled_one_by_one_and_share_their_code() -> None:
    torch._dynamo.reset()
    model, plain, (a, b) = make(), make(), pair()
    compiled: list[int] = []

    def counting(graph: Any, _inputs: Any) -> Any:
        compiled.append(1)
        return graph.forward

    for segment in model.segments:
        segment.compile(backend=counting)
    leaves, others = [a, b, *model.parameters()], [a, b, *plain.parameters()]
    out = model(a, b)
    found = gradients(weighted(out._asdict()), leaves)
    assert len(compiled) == 2, "one forward and one VJP graph serve all turns"
    close(found, gradients(weighted(plain(a, b)._asdict()), others))
    assert torch.equal(model.inverse(out)[0], torch.round(a.detach() * 2**20) / 2**20)


def test_a_plain_model_fits_into_a_sequential() -> None:
    source = specs.HEAD + (
        "model Net(x: [B, T, d]) -> (x: [B, T, d]) {\n  split x -> a, b\n"
        "  a += linear(b)\n  b += linear(a)\n  join a, b -> x\n}"
    )
    torch.manual_seed(0)
    model = revc.compile(source, plain=True)
    net = nn.Sequential(nn.Linear(3, 8), model, nn.Flatten())
    x = torch.randn(2, 5, 3)
    net(x).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    y = model(net[0](x))
    assert isinstance(y, Tensor)
    assert torch.equal(model.inverse(y), torch.round(net[0](x).detach() * 2**20) / 2**20)


def test_a_model_with_several_results_cannot_be_plain() -> None:
    with pytest.raises(BindError, match="only one result"):
        revc.compile(specs.LAYERS, plain=True)


def test_an_inverse_takes_the_sizes_that_an_emit_alone_needs() -> None:
    text = """
dim B, T
state lattice(Q12.20)
model Net(a: [B, T, 4], b: [B, 4]) {
  repeat 2 as t {
    b[.., :2] += tanh(b[.., 2:])
    emit e = a[:, T - 1 - t]
  }
}
"""
    model, a, b = revc.compile(text), torch.randn(3, 5, 4), torch.randn(3, 4)
    out = model(a, b)
    assert out.e.shape == (2, 3, 4)
    back = model.inverse(out)
    assert torch.equal(back[1], torch.round(b * 2**20) / 2**20)
