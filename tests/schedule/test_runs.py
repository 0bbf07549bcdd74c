"""Runs under a schedule: losses in the middle, passes again, hooks, threads, what is changed."""

import copy
import pickle
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import torch

from revc.errors import BindError
from revc.runtime.run.run import Run
from tests.model.laws import weighted
from tests.model.made import make, pair
from tests.schedule.schedules import MIXED, Pair, both, inputs_of, plans_of, pulled, same


def mixed() -> Iterator[Pair]:
    """Yield models of many statements under several schedules, beside one that inverts."""
    count = len(plans_of(make(MIXED), inputs_of(make(MIXED))))
    for step in (1, 2, 3):
        yield both(["save" if at % step == 0 else "invert" for at in range(count)], MIXED)
        yield both(["keep" if at % step == 0 else "save" for at in range(count)], MIXED)


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
    assert not run.values
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
