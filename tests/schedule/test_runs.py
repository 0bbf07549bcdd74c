"""Runs under a schedule: losses in the middle, passes again, hooks, threads, what is changed."""

import copy
import pickle
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

import revc
from revc.errors import BindError, ReconstructionError
from revc.runtime.model import ReversibleModel
from revc.runtime.run.run import Run
from tests.model import specs
from tests.model.laws import gradients, randomize, weighted
from tests.model.made import make, pair
from tests.schedule.schedules import MIXED, flops, inputs_of, plans_of, pulled, same

SCHEDULES = {
    "all": ["save"] * 3,
    "top": ["invert", "save", "save"],
    "bottom": ["save", "save", "invert"],
    "middle": ["invert", "save", "invert"],
    "ends": ["save", "invert", "save"],
}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES.keys())
def schedule(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


Pair = tuple[ReversibleModel, ReversibleModel]


def both(schedule: list[str], source: str = specs.LAYERS) -> Pair:
    """Return a model under a schedule, and its twin that inverts."""
    model = make(source)
    twin = copy.deepcopy(model)
    model.schedule = schedule
    return model, twin


def mixed() -> Iterator[Pair]:
    """Yield models of many statements under several schedules, beside one that inverts."""
    count = len(plans_of(make(MIXED), inputs_of(make(MIXED))))
    for step in (1, 2, 3):
        yield both(["save" if at % step == 0 else "invert" for at in range(count)], MIXED)


@pytest.mark.parametrize("name", ["middle", "each"])
def test_a_loss_on_an_emit_in_the_middle(name: str) -> None:
    for model, twin in mixed():
        values = inputs_of(model)
        found, wanted = (
            pulled(one, values, lambda out: getattr(out, name).square().sum())
            for one in (model, twin)
        )
        assert same(found[1], wanted[1])


def test_two_losses_of_one_run_one_after_the_other() -> None:
    for model, twin in mixed():
        values = inputs_of(model)
        found = []
        for one in (model, twin):
            leaves = [*values.values(), *one.parameters()]
            out = one(**values)
            for loss in (out.middle.sum(), out.a.square().sum(), out.each.sum()):
                grads = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
                found.append([torch.zeros(()) if g is None else g for g in grads])
        assert all(same(mine, theirs) for mine, theirs in zip(found[:3], found[3:], strict=True))


def test_a_second_pass_is_the_first_again(schedule: list[str]) -> None:
    model, (a, b) = both(schedule)[0], pair()
    loss, leaves = model(a, b).a.square().sum(), [a, b, *model.parameters()]
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    second = torch.autograd.grad(loss, leaves)
    assert same(list(first), list(second))
    with pytest.raises((RuntimeError, BindError), match=r"second time|retain_graph"):
        torch.autograd.grad(loss, leaves)


def test_gradients_of_some_inputs_alone(schedule: list[str]) -> None:
    (model, twin), (a, b) = both(schedule), pair()
    for leaves in (lambda m: [a], lambda m: list(m.segments[1].parameters())):
        one, other = (torch.autograd.grad(m(a, b).a.sum(), leaves(m)) for m in (model, twin))
        assert same(list(one), list(other))


def test_second_micro_batches_add(schedule: list[str]) -> None:
    (model, twin), (a, b) = both(schedule), pair()
    for one in (model, twin):
        for _ in range(2):
            weighted(one(a, b)._asdict()).backward()
    pairs = zip(model.parameters(), twin.parameters(), strict=True)
    assert all(torch.equal(p.grad, q.grad) for p, q in pairs)


@pytest.mark.parametrize("frozen", ["first", "last", "nets", "inputs", "all"])
def test_what_wants_no_gradient(frozen: str, schedule: list[str]) -> None:
    model, twin = both(schedule)
    a, b = pair(grad=frozen not in ("inputs", "all"))
    for one in (model, twin):
        at = {"first": [0], "last": [2], "nets": [0, 1, 2], "inputs": [], "all": [0, 1, 2]}[frozen]
        for index in at:
            one.segments[index].requires_grad_(False)
    if frozen == "all":
        assert not model(a, b).a.requires_grad
        return
    found, wanted = (pulled(one, {"a": a, "b": b}) for one in (model, twin))
    assert same(found[1], wanted[1])


def test_nothing_is_kept_where_no_gradient_comes(schedule: list[str]) -> None:
    model, (a, b) = both(schedule)[0], pair()
    with torch.no_grad():
        out = model(a, b)
    assert not out.a.requires_grad
    model.requires_grad_(False)
    assert all(kept.total == 0 for kept in model.kept_bytes(a.detach(), b.detach()))


def test_residuals_go_as_the_pass_goes(schedule: list[str], monkeypatch: Any) -> None:
    runs: list[Run] = []
    begin = Run.begin
    monkeypatch.setattr(Run, "begin", lambda run: (runs.append(run), begin(run))[1])
    model, (a, b) = both(schedule)[0], pair()
    loss = model(a, b).a.sum()
    loss.backward()
    (run,) = runs
    assert not run.calls
    assert run.final is None
    assert not run.snapshots._held
    del loss


# --- inversion, copies, threads ------------------------------------------------------------------


def test_inverses_are_as_exact_as_ever(schedule: list[str]) -> None:
    model, (a, b) = both(schedule)[0], pair()
    out = model(a, b)
    out.a.sum().backward(retain_graph=True)
    again = model(*model.inverse(out))
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))


def test_copies_have_the_schedule(schedule: list[str]) -> None:
    model, (a, b) = both(schedule)[0], pair()
    wanted = pulled(model, {"a": a, "b": b})[1]
    for one in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert one.schedule == model.schedule
        assert same(pulled(one, {"a": a, "b": b})[1], wanted)


def test_threads_share_a_model(schedule: list[str]) -> None:
    model, values = both(schedule)[0], [pair(), pair(), pair()]
    wanted = torch.autograd.grad(model(*values[0]).a.square().sum(), values[0])
    found: list[Any] = [None] * len(values)

    def run(index: int) -> None:
        loss = model(*values[index]).a.square().sum()
        found[index] = torch.autograd.grad(loss, values[index])

    threads = [Thread(target=run, args=(index,)) for index in range(len(values))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(list(one), list(wanted)) for one in found)


# --- nets ----------------------------------------------------------------------------------------


class Brought(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.outer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.outer(torch.relu(self.inner(x))))


@pytest.mark.parametrize("state", ["lattice(Q12.20)", "float32"])
def test_brought_nets_keep_their_graph(state: str) -> None:
    torch.manual_seed(0)
    source = specs.HOLE.replace("lattice(Q12.20)", state)
    model = revc.compile(source, nets={"F": Brought})
    randomize(model)
    a, b = pair()
    wanted = pulled(model, {"a": a, "b": b})
    inverting = flops(model, {"a": a, "b": b})
    for schedule in (["save", "save"], ["invert", "save"], ["save", "invert"]):
        model.schedule = schedule
        found = pulled(model, {"a": a, "b": b})
        assert same([*found[0]], [*wanted[0]])
        for one, other in zip(found[1], wanted[1], strict=True):
            if state == "float32":
                torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
            else:
                assert torch.equal(one, other)
        assert flops(model, {"a": a, "b": b}) < inverting
    loss = model(a, b).a.sum()
    first = torch.autograd.grad(loss, [a, b], retain_graph=True)
    assert same(list(first), list(torch.autograd.grad(loss, [a, b])))


class Doubled(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *args: Tensor) -> Tensor:
        return 2 * self.net(*args)


def test_replaced_hooked_and_parametrised_nets(schedule: list[str]) -> None:
    model, twin = both(schedule)
    seen = []
    for one in (model, twin):
        net = one.nets.get_submodule("repeat_0.1.Layer_0.mlp_0")
        one.nets.get_submodule("repeat_0.1.Layer_0").mlp_0 = Doubled(net)
        hooked = one.nets.get_submodule("repeat_0.2.Layer_0.attention_0")
        hooked.register_forward_hook(lambda *_: seen.append(1))
        weight_norm(one.nets.get_submodule("repeat_0.0.Layer_0.mlp_0"), "weight_in")
    a, b = pair()
    found, wanted = (pulled(one, {"a": a, "b": b}) for one in (model, twin))
    assert same([*found[0], *found[1]], [*wanted[0], *wanted[1]])
    assert len(seen) == (1 if schedule[2] == "save" else 2) + 2


def test_hooks_of_segments_fire(schedule: list[str]) -> None:
    (model, twin), (a, b) = both(schedule), pair()
    seen: list[Tensor] = []
    for one in (model, twin):
        one.segments[1].register_full_backward_hook(lambda _m, _i, out: seen.append(out[0].clone()))
        pulled(one, {"a": a, "b": b})
    assert torch.equal(*seen)


# --- what is changed in between ------------------------------------------------------------------


def test_a_parameter_that_was_changed_in_place_is_an_error(schedule: list[str]) -> None:
    model, (a, b) = both(schedule)[0], pair()
    loss = model(a, b).a.sum()
    with torch.no_grad():
        model.nets.get_submodule("repeat_0.1.Layer_0.mlp_0").weight_in.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_given_that_was_changed_in_place_is_an_error() -> None:
    model = make(MIXED)
    model.schedule = "save"
    values = inputs_of(model)
    values["u"] = values["u"].detach()
    loss = model(**values).a.sum()
    values["u"].add_(1)
    with pytest.raises(ReconstructionError, match="`u` was changed in place"):
        loss.backward()


def test_an_emit_that_was_changed_in_place_is_an_error_if_it_is_read() -> None:
    source = specs.HEAD + (
        "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n"
        " emit seen = tanh(linear(a))\n b += linear(a)\n}"
    )
    model, (a, b) = make(source), pair()
    model.schedule = "save"
    out = model(a, b)
    loss = out.b.sum() + out.seen.sum()
    with torch.no_grad():
        out.seen.mul_(2)
    with pytest.raises(ReconstructionError, match="what it emitted was changed in place"):
        loss.backward()


def test_results_may_change_where_nothing_starts_from_them() -> None:
    source = specs.LAYERS.replace("lattice(Q12.20)", "float32")
    model, (a, b) = make(source), pair()
    wanted = torch.autograd.grad(model(a, b).a.sum(), [a, b])
    model.schedule = "save"
    out = model(a, b)
    loss = out.a.sum()
    with torch.no_grad():
        out.a.zero_()
    for one, other in zip(torch.autograd.grad(loss, [a, b]), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::revc.runtime.run.guard.ClampWarning")
def test_what_is_clamped_has_no_gradient() -> None:
    source = specs.HEAD.replace("Q12.20", "Q4.12")
    source += "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n a += 9 * b\n b -= a * a\n}"
    model, (a, b) = make(source), (x.detach().tanh().requires_grad_() for x in pair())
    found = []
    for schedule in ("invert", "save"):
        model.schedule = schedule
        out = model(a, b)
        found.append(gradients(out.a.sum(), [a, b]))
    assert same(*found)
    assert set(found[1][1].flatten().tolist()) == {0.0, 9.0}
