"""Plans of lists of modules: the budget is kept, and nothing else changes."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import revc
from revc.errors import BindError, ScheduleError
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action, Plan
from revc.planning.modules.plan import named
from revc.planning.modules.runner import PlannedModule
from revc.planning.modules.step import measured
from tests.planner.nets import NETS, WIDTH, random_nets

CPU = torch.device("cpu")


def least(net: nn.Sequential | list[nn.Module], x: Tensor) -> int:
    with pytest.raises(InfeasibleError) as caught:
        revc.plan(net, x, memory=0)
    return caught.value.least


def ran(run: Callable[[Tensor], Tensor], net: nn.Module, x: Tensor) -> list[Tensor | None]:
    """Return the result, gradients, buffers and what random numbers come next of a step."""
    torch.manual_seed(7)
    leaf = x.detach().clone().requires_grad_(x.requires_grad)
    out = run(leaf)
    if out.requires_grad:
        out.square().sum().backward()
    found = [out.detach(), leaf.grad, *(p.grad for p in net.parameters()), torch.rand(3)]
    return [*found, *(b.clone() for b in net.buffers())]


def alike(one: list[Tensor | None], other: list[Tensor | None]) -> bool:
    return all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(one, other, strict=True)
    )


def plain(net: nn.Module | list[nn.Module], x: Tensor) -> list[Tensor | None]:
    twin = nn.Sequential(*copy.deepcopy(list(net)))  # type: ignore[arg-type]
    return ran(twin, twin, x)


def planned_run(planned: PlannedModule, x: Tensor) -> list[Tensor | None]:
    twin = copy.deepcopy(planned)
    return ran(twin, twin, x)


@pytest.mark.parametrize("name", NETS)
def test_ten_budgets_are_kept_and_the_peak_does_not_rise_as_they_fall(name: str) -> None:
    net, x = NETS[name]()
    low, high = least(net, x), revc.plan(net, x, memory="1GiB").peak
    expected = plain(net, x)
    found: list[tuple[int, float]] = []
    for turn in range(10):
        memory = low + (high - low) * turn // 9
        planned = revc.plan(net, x, memory=memory)
        held = measured(planned.module, [x], CPU)
        assert held <= memory
        assert planned.peak == held
        assert abs(planned.counted - held) <= 0.03 * held
        assert alike(planned_run(planned.module, x), expected)
        found.append((held, planned.extra))
    assert found == sorted(found, key=lambda one: (one[0], -one[1]))
    assert found[-1][1] == 0


@pytest.mark.parametrize("name", ["llama", "tuples"])  # convolutions have workspaces of their own
def test_what_is_counted_alone_is_near_what_is_held(name: str) -> None:
    net, x = NETS[name]()
    for memory in (least(net, x) * 11 // 10, 1 << 30):
        planned = revc.plan(net, x, memory=memory, measure=False)
        assert planned.workspace == 0
        held = measured(planned.module, [x], CPU)
        assert abs(planned.peak - held) <= 0.03 * held


@pytest.mark.parametrize("name", NETS)
def test_too_little_names_the_least_budget_and_the_module(name: str) -> None:
    net, x = NETS[name]()
    low = least(net, x)
    with pytest.raises(ScheduleError, match=rf"the least budget is {low}, which .* of segment"):
        revc.plan(net, x, memory=low - 1)
    assert revc.plan(net, x, memory=low).peak <= low


@settings(max_examples=15, deadline=None)
@given(random_nets(), st.data())
def test_any_plan_changes_nothing_but_memory_and_any_budget_is_kept(
    made: tuple[list[nn.Module], Tensor], data: st.DataObject
) -> None:
    net, x = made
    expected = plain(net, x)
    top = revc.plan(net, x, memory=1 << 40)
    words = [data.draw(st.sampled_from(["SAVE", "CHECKPOINT"]))]
    for _ in top.stages[1:]:
        more = ["JOIN"] if words[-1] in ("CHECKPOINT", "JOIN") else []
        words.append(data.draw(st.sampled_from(["SAVE", "CHECKPOINT", "OFFLOAD", *more])))
    module = PlannedModule(named(net), top.module.cuts, Plan.of(words))
    assert alike(planned_run(module, x), expected)
    memory = data.draw(st.integers(least(net, x), top.peak))
    planned = revc.plan(net, x, memory=memory)
    held = measured(planned.module, [x], CPU)
    assert held <= memory
    assert abs(planned.counted - held) <= 0.03 * held
    assert alike(planned_run(planned.module, x), expected)


def test_the_module_has_the_same_parameters_and_keys() -> None:
    net, x = NETS["convolutions"]()
    module = revc.plan(net, x, memory="1GiB").module
    assert list(module.state_dict()) == list(net.state_dict())
    for one, other in zip(module.parameters(), net.parameters(), strict=True):
        assert one is other


def test_planning_leaves_modules_as_they_were() -> None:
    net, x = NETS["convolutions"]()
    before = copy.deepcopy(net.state_dict())
    state = torch.get_rng_state()
    revc.plan(net, x, memory="1GiB", measure="time")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_inputs_without_numbers_give_the_same_plan() -> None:
    net, x = NETS["llama"]()
    memory = least(net, x) * 5 // 4
    one = revc.plan(net, x, memory=memory)
    assert revc.plan(net, x.to("meta"), memory=memory, measure=False).schedule == one.schedule
    assert revc.plan(net, torch.zeros_like(x), memory=memory).schedule == one.schedule


def test_offloading_holds_less_and_changes_nothing() -> None:
    net, x = NETS["llama"]()
    low = least(net, x)
    with pytest.raises(InfeasibleError) as caught:
        revc.plan(net, x, memory=0, offload=True)
    assert caught.value.least < low
    planned = revc.plan(net, x, memory=caught.value.least, offload=True)
    assert Action.OFFLOAD in planned.schedule
    assert measured(planned.module, [x], CPU) <= caught.value.least
    assert alike(planned_run(planned.module, x), plain(net, x))


def test_a_fast_host_is_used_rather_than_computing_again() -> None:
    net, x = NETS["llama"]()
    memory = least(net, x) * 11 // 10
    fast = revc.plan(net, x, memory=memory, offload=1e9)
    assert set(fast.schedule) <= {Action.SAVE, Action.OFFLOAD}
    slow = revc.plan(net, x, memory=memory, offload=1e-9)
    assert Action.OFFLOAD not in slow.schedule


def test_times_are_measured() -> None:
    net, x = NETS["llama"]()
    planned = revc.plan(net, x, memory=least(net, x), measure="time")
    assert planned.unit == "seconds"
    assert 0 < planned.extra <= planned.plain < 10


def test_modules_that_change_their_input_or_view_it_join_the_segment_before() -> None:
    net = [nn.Flatten(), nn.Linear(WIDTH, WIDTH), nn.ReLU(inplace=True), nn.Identity(), nn.Tanh()]
    planned = revc.plan(net, torch.randn(4, WIDTH), memory="1MiB")
    assert [cut.names for cut in planned.module.cuts] == [["0", "1", "2", "3"], ["4"]]


def test_a_module_that_is_used_twice_and_one_that_is_frozen() -> None:
    shared = nn.Linear(WIDTH, WIDTH)
    frozen = nn.Linear(WIDTH, WIDTH).requires_grad_(False)
    net = nn.Sequential(frozen, nn.Tanh(), shared, nn.GELU(), shared, nn.Sigmoid(), frozen)
    x = torch.randn(64, WIDTH)
    low = least(net, x)
    planned = revc.plan(net, x, memory=low)
    held = measured(planned.module, [x], CPU)
    assert held <= low
    torch.manual_seed(0)
    expected = ran(net, net, x)
    net.zero_grad(set_to_none=True)
    assert alike(ran(planned.module, planned.module, x), expected)


def test_nothing_wants_a_gradient() -> None:
    net = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()).requires_grad_(False)
    planned = revc.plan(net, torch.randn(8, WIDTH), memory="1MiB")
    assert planned.extra == 0
    with torch.no_grad():
        assert planned.module(torch.randn(8, WIDTH)).shape == (8, WIDTH)


def test_a_second_backward_pass_gives_the_same() -> None:
    net, x = NETS["convolutions"]()
    module = revc.plan(net, x, memory=least(net, x)).module
    out = module(x).sum()
    first, second = (
        torch.autograd.grad(out, list(module.parameters()), retain_graph=True) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


class Picks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0]


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        ([], {}, "at least one module"),
        ([nn.Tanh(), 3], {}, "entry 1 is a int, not a module"),
        ([Picks()], {}, "without numbers"),
        ([nn.ReLU(inplace=True)], {}, "changes the network's input in place"),
        (nn.Tanh(), {}, "a compiled model or a list of modules, not a Tanh"),
        ([nn.Tanh()], {"inputs": {"x": 1}}, "by position"),
        ([nn.Tanh()], {"offload": -1.0}, "a bandwidth above 0"),
        ([nn.Linear(WIDTH, 1, device="meta")], {}, "pass measure=False"),
    ],
)
def test_what_is_refused(net: object, options: dict[str, object], message: str) -> None:
    with pytest.raises((BindError, ScheduleError), match=message):
        revc.plan(net, torch.randn(2, WIDTH), memory="1MiB", **options)  # type: ignore[call-overload]


def test_inputs_are_tensors() -> None:
    with pytest.raises(BindError, match="needs example inputs"):
        revc.plan([nn.Tanh()], memory="1MiB")
    with pytest.raises(BindError, match="input 1 is a int"):
        revc.plan([nn.Tanh()], 3, memory="1MiB")  # type: ignore[call-overload]


def test_a_plan_is_shown_as_a_table() -> None:
    net, x = NETS["convolutions"]()
    planned = revc.plan(net, x, memory=least(net, x))
    lines = str(planned).splitlines()
    assert lines[0].startswith("peak ")
    assert "one-level plans" in lines[0]
    assert len(lines) == 2 + len(planned.schedule)
    again = [float(line.split()[-1]) for line in lines[2:]]
    assert sum(again) == pytest.approx(planned.extra, rel=0.01)
    assert any("(state put back)" in line for line in lines)
