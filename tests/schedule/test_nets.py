"""Brought, replaced, hooked and parametrised nets in segments that are saved."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

import revc
from revc.errors import BindError
from tests.model import specs
from tests.model.laws import randomize
from tests.model.made import pair
from tests.schedule.schedules import both, flops, pulled, same


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
    if "offload" in schedule:
        with pytest.raises(BindError, match="keeps its autograd graph, which stays on the device"):
            model(a, b)
        return
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


def test_weights_that_are_not_leaves_pass_their_gradient_on() -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.HOLE, nets={"F": lambda: nn.Linear(8, 8)})
    a, b = pair()
    scale, found = torch.tensor(0.5, requires_grad=True), []
    weights = {n: p.detach() for n, p in model.named_parameters()}
    for schedule in ("invert", "save"):
        model.schedule = schedule
        scaled = {n: scale * p for n, p in weights.items()}
        out = torch.func.functional_call(model, scaled, (a, b))
        found.append(list(torch.autograd.grad(out.a.square().sum(), [a, b, scale])))
    assert same(*found)
