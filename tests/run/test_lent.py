"""A backward pass goes back in the raw state of results, where nobody else can see it."""

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError, ReconstructionError
from revc.planning.step import fake_step
from revc.runtime.model import ReversibleModel
from tests.model.laws import randomize

HEAD = "use std.nets: linear, mlp, norm\ndim B, c = 8\nstate lattice(Q12.20)\n"
LAYERS = f"""{HEAD}model Net(b, a: [B, c]) -> (a: [B, c], b: [B, c]) {{
  repeat 3 {{
    a += mlp(norm(b), width = c)
    b -= linear(a)
  }}
}}
"""
FORGETS = f"""{HEAD}model Net(b, a: [B, c]) -> (a: [B, c], d: [B, c]) {{
  repeat 2 {{ a += mlp(b, width = c) }}
  alloc d: [B, c] = linear(b)
  forget b  # revc: allow(L110) reason = "a head"
  repeat 2 {{ d -= linear(a) }}
}}
"""
SCHEDULES = ["invert", "save", ["save", "save", "invert"], ["invert", "save", "invert"]]


def ran(
    source: str = LAYERS, schedule: Any = "invert"
) -> tuple[ReversibleModel, dict[str, Tensor], Any]:
    """Return a model, inputs, and what it makes of them."""
    torch.manual_seed(0)
    model = revc.compile(source)
    randomize(model)
    model.schedule = schedule
    values = {name: torch.randn(4, 8, requires_grad=True) for name in "ab"}
    return model, values, model(**values)


def backward(out: Any, **how: Any) -> None:
    torch.autograd.backward(
        [v for v in out if v.requires_grad], [torch.ones_like(v) for v in out], **how
    )


def same(one: Any, other: Any) -> None:
    for now, then in zip(one, other, strict=True):
        assert torch.equal(now, then)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_raw_results_are_what_they_were_when_they_are_asked_for_again(schedule: Any) -> None:
    model, _, out = ran(schedule=schedule)
    wanted, inputs = [raw.clone() for raw in out.state[0]], model.inverse(out)
    backward(out)
    same(model.inverse(out), inputs)
    same(out.state[0], wanted)


def test_nets_that_forget_run_again_too() -> None:
    _, _, out = ran(FORGETS)
    wanted = [raw.clone() for raw in out.state[0]]
    backward(out)
    same(out.state[0], wanted)


def test_a_way_back_that_ends_early_is_gone_again_from_there() -> None:
    model, values, _ = ran()
    names = list(dict(model.named_parameters()))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names[-2:])
    out = model(**{name: value.detach() for name, value in values.items()})
    wanted = [raw.clone() for raw in out.state[0]]
    backward(out)
    same(out.state[0], wanted)


def test_raw_results_that_somebody_holds_are_left_alone() -> None:
    _, _, out = ran()
    raw, _ = out.state
    one, view = out.state[0][0], out.state[0][1][:2]
    wanted = [value.clone() for value in (*raw, one, view)]
    backward(out)
    same([*raw, one, view], wanted)


@pytest.mark.parametrize("held", [lambda raw: raw, lambda raw: raw[:2], lambda raw: raw.numpy()])
def test_one_reference_to_one_register_is_enough(held: Any) -> None:
    _, _, out = ran()
    one = held(out.state[0][1])
    wanted = torch.as_tensor(one).clone()
    backward(out)
    assert torch.equal(torch.as_tensor(one), wanted)


def test_a_changed_parameter_is_loud() -> None:
    model, _, out = ran()
    backward(out)
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    with pytest.raises(ReconstructionError, match="a net changed since"):
        model.inverse(out)


def test_a_retained_graph_keeps_a_copy() -> None:
    model, _, out = ran()
    inputs = model.inverse(out)
    backward(out, retain_graph=True)
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    assert len(out.state[0]) == 2
    with torch.no_grad():
        next(model.parameters()).sub_(1.0)
    same(model.inverse(out), inputs)


def test_a_backward_pass_that_failed_is_named() -> None:
    model, _, out = ran()
    next(model.parameters()).data.add_(1.0)
    with pytest.raises(ReconstructionError):
        backward(out)
    with pytest.raises(BindError, match="has not ended, or failed"):
        _ = out.state


def test_nobody_keeps_what_was_left() -> None:
    _, _, out = ran()
    backward(out)
    lent = weakref.ref(out._holder._lent)
    gc.disable()
    try:
        del out
        assert lent() is None
    finally:
        gc.enable()


def way_back(model: ReversibleModel, values: dict[str, Tensor]) -> int:
    """Return the most bytes that the backward pass of a step holds in a segment."""
    moments = fake_step(model, values, "invert").moments
    return max(moment.peak for (_, back), moment in moments.items() if back)


def test_it_saves_a_copy_of_the_state() -> None:
    model, values, _ = ran()
    held: list[Any] = []
    free = way_back(model, values)
    model.register_forward_hook(lambda _, __, out: held.append(out.state))
    kept = way_back(model, values)
    checksums = 2 * 8
    assert kept - free == 2 * 4 * 8 * 4 - checksums
