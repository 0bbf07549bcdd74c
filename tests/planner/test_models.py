"""Plans of models: what is predicted is what a step holds, and the budget is kept."""

from dataclasses import replace
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError
from revc.passes.schedule.segments import TooLittleError
from revc.planning.costs import costs_of
from revc.planning.levels import LEVELS
from revc.planning.meter import trace
from revc.planning.plan import plan
from revc.planning.step import Steps, counted_step, fake_step, train
from revc.runtime.model import ReversibleModel

HEAD = """use std.nets: attention, linear, mlp, norm, parameter
dim B, T, d = 32, c = d/2
state lattice(Q12.20)
"""
LAYERS = f"""{HEAD}block Layer(a, b: [B, T, c]) {{
  a += attention(norm(b), heads = 4)
  b += mlp(norm(a), width = 4*c)
}}
model Net(x: [B, T, d]) {{
  split x -> a, b
  repeat 3 {{ Layer(a, b) }}
  join a, b -> x
}}
"""
MODELS = {
    "layers": LAYERS,
    "stages": f"""{HEAD}model Net(x: [B, T, d]) -> (y: [B, T, c]) {{
  split x -> a, b
  repeat 2 {{ a += mlp(norm(b), width = 8*c) }}
  b += linear(norm(a))
  alloc y: [B, T, c] = mlp(a, width = 2*c)
  forget a, b  # revc: allow(L110) reason = "a head"
  repeat 3 {{
    let h = tanh(linear(y[:, :1]))
    y[:, 1:] += mlp(y[:, :1], width = c) * h
    emit seen = linear(y, out = 2)
  }}
}}
""",
    "float state": LAYERS.replace("state lattice(Q12.20)", "state float32"),
    "brought": f"""{HEAD}net F(x: float32[B, T, c]) -> [B, T, c] = torch "torch.nn:Linear"(16, 16)
model Net(a, b: [B, T, c]) {{
  repeat 3 {{
    a += F(tanh(b))
    b += mlp(norm(a), width = 4*c)
  }}
}}
""",
}


def made(name: str) -> tuple[ReversibleModel, dict[str, Tensor]]:
    model = revc.compile(MODELS[name])
    widths = {slot.name: 16 if slot.name in "ab" else 32 for slot in model.interface.takes}
    return model, {name: torch.randn(2, 8, width) for name, width in widths.items()}


def measured(model: ReversibleModel, values: dict[str, Tensor]) -> int:
    """Return what the allocator holds at most in a step, once gradients are there."""
    train(model, values)
    return trace(lambda: train(model, values)).peak


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        pair
        for pair in product(MODELS, ("invert", "save", "offload"))
        if pair != ("brought", "offload")
    ],
)
def test_a_step_without_numbers_holds_what_one_with_numbers_does(name: str, schedule: str) -> None:
    model, values = made(name)
    model.schedule = schedule
    fake = fake_step(model, values, schedule)
    assert fake == counted_step(model, values)
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_counted_as_if_there_were_no_others(name: str) -> None:
    model, values = made(name)
    steps, wishes = Steps(model, values), ("keep", "invert", "save")
    found = [steps(wish) for wish in wishes]
    assert found == [fake_step(model, values, wish) for wish in wishes]
    assert steps(["invert"] * len(steps.passed)) is found[1]
    with pytest.raises(BindError, match="99 actions"):
        steps(["invert"] * 99)


@pytest.mark.parametrize("name", ["layers", "stages", "brought"])
def test_the_budget_is_kept_and_more_memory_is_no_slower(name: str) -> None:
    model, values = made(name)
    whole = plan(model, memory="1GiB", inputs=values)
    least, most = (whole.costs.steps(way).peak + whole.workspace for way in ("invert", "save"))
    budgets = sorted({least, least + (most - least) // 3, least + (most - least) // 2, most})
    found = [plan(model, memory=memory, inputs=values, known=whole) for memory in budgets]
    for one, memory in zip(found, budgets, strict=True):
        assert one.peak <= memory
        assert one.bound <= one.flops
        model.schedule = one.schedule
        model.zero_grad(set_to_none=True)
        held = measured(model, values)
        assert held <= one.peak <= 1.03 * held
    flops = [one.flops for one in found]
    assert flops == sorted(flops, reverse=True)
    assert flops[-1] == 0


def test_what_is_planned_is_what_its_step_computes() -> None:
    model, values = made("layers")
    known, seen = plan(model, memory="1GiB", inputs=values, measure=False), set()
    steps = known.costs.steps
    least, most = (steps(way).peak for way in ("invert", "save"))
    for share in range(1, 8):
        memory = least + (most - least) * share // 8
        known = plan(model, memory=memory, inputs=values, measure=False, known=known)
        step = steps(known.schedule)
        assert step.flops == known.costs.flops + known.flops
        assert step.peak == known.peak <= memory
        seen.update(action.kind for action in known.schedule)
    assert seen >= {"keep", "save"}


def test_levels_go_from_little_to_all() -> None:
    model, values = made("stages")
    costs = costs_of(Steps(model, values))
    assert max(len(actions) for actions in costs.actions) > 4
    for cost, actions, again in zip(costs.segments, costs.actions, costs.again, strict=True):
        assert [one.kind for one in (actions[0], actions[-1])] == ["invert", "save"]
        kept = [way.kept for way in cost.ways[:-1]]
        assert kept == sorted(set(kept))
        assert list(again) == sorted(again, reverse=True)
        assert again[-1] == 0
        for before, after in pairwise(actions[1:-1]):
            assert set(before.values) < set(after.values)


def test_a_segment_of_many_nets_has_few_levels() -> None:
    body = "".join(f"  a += mlp(b, width = {8 * at})\n" for at in range(1, 9))
    model = revc.compile(f"{HEAD}model Net(a, b: [B, T, c]) {{\n{body}}}\n")
    values = {name: torch.randn(2, 8, 16) for name in "ab"}
    (actions,) = costs_of(Steps(model, values)).actions
    assert len(actions) == 2 + LEVELS
    assert len(actions[-2].values) == 16


def test_planning_leaves_the_model_as_it_was() -> None:
    model, values = made("layers")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plan(model, memory="1GiB", inputs=values)
    assert [action.kind for action in model.schedule] == ["invert"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_too_little_memory_names_the_least_and_what_sets_it() -> None:
    model, values = made("layers")
    with pytest.raises(TooLittleError, match=r"least is \d+, which segment repeat_0") as caught:
        plan(model, memory=1, inputs=values)
    found = plan(model, memory=caught.value.least, inputs=values)
    assert caught.value.least == found.peak
    assert found.peak <= fake_step(model, values, "invert").peak + found.workspace


def test_costs_are_those_of_the_layers() -> None:
    model, values = made("layers")
    costs = costs_of(Steps(model, values))
    layers = [c for c, again in zip(costs.segments, costs.again, strict=True) if again[0]]
    assert len(layers) == 3
    assert len({replace(cost, name="") for cost in layers[1:]}) == 1
