"""Nets that draw, under torch.compile: the eager run's numbers, and a key booked for each call."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import revc
from revc.errors import BindError
from revc.runtime.bits.expand import KEY_BITS, key_number
from revc.runtime.nets.capture.compiled import like, region_of
from revc.runtime.nets.capture.graphs import captured
from revc.runtime.nets.capture.regions import Regions, paired
from revc.runtime.nets.capture.trace import Sample, trace
from revc.runtime.nets.leaf import Leaf
from tests.capture.test_random import CALLS, NETS, STATES, Dropping, inputs, model_of
from tests.capture.zoo import B, D, T

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
SMALL = """dim B
state {state}
net F(x: float32[B, 4, 8]) -> [B, 4, 8]
model Net(a: [B, 4, 8], b: [B, 4, 8]) {{
  a += F(b) + 0.5 * F(0.5 * b)
  repeat 2 {{ b -= F(a) }}
}}
"""
SMALL_CALLS = 4
METERED = """use std.nets: linear
dim B
state lattice(Q12.20)
net F(x: float32[B, 4, 8]) -> [B, 4, 8]
model Net(a: [B, 4, 8], b: [B, 4, 8]) {
  a += F(b)
  valve b[.., :4] by logistic(linear(a), step = 1/16) as va
  b += F(a)
}
"""


def small(net: Callable[[], nn.Module], state: str = STATES[0], **options: Any) -> Any:
    torch.manual_seed(0)
    model = revc.compile(SMALL.format(state=state), nets={"F": net}, **options)
    model.bits.seed = 5
    return model


def compiled(model: nn.Module, backend: str = "aot_eager") -> Any:
    return torch.compile(model, fullgraph=True, dynamic=False, backend=backend)


def step(call: Any, model: nn.Module) -> tuple[Any, list[Tensor]]:
    """Return a run's result, and the gradients of inputs and parameters."""
    leaves = [*inputs(), *model.parameters()]
    out = call(*leaves[:2])
    loss = sum(x.square().sum() for x in out)
    return out, [*torch.autograd.grad(loss, leaves, allow_unused=True)]


def equal(found: Any, wanted: Any) -> bool:
    return all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def keys_of(out: Any) -> Tensor:
    """Return what keys cost in a run, which is booked in both accounts."""
    drawn, written = (out.ledger.bits(account, "keys") for account in ("drawn", "written"))
    assert torch.equal(drawn, written)
    return drawn


@pytest.mark.parametrize("name", NETS)
def test_regions_draw_what_graphs_draw_and_keep_no_mask(name: str) -> None:
    torch.manual_seed(0)
    net, x = NETS[name](), torch.randn(B, T, D, requires_grad=True)
    params = [*net.parameters()]
    key = key_number(5, 1)
    graphs = captured(trace(net, Sample(params, [x], None)))
    pair = paired(
        trace(net, Sample(params, [x], None)), [True] * (len(params) + 1), [None], Regions()
    )
    given = [*params, *(place.rows(net)[place.name] for place in graphs.others), x.detach()]
    with torch.no_grad():
        wanted, held = graphs.front(*given, key)
        out, *kept = pair.front(*given, torch.tensor(key))
        assert torch.equal(out, wanted)
        assert pair.back is not None
        assert pair.cotangent is not None
        assert graphs.back is not None
        cotangent = like(torch.randn(out.shape), pair.cotangent)
        taken = [[*given, torch.tensor(key)][index] for index in pair.direct]
        found = pair.back(*taken, *kept, cotangent)
        by_graphs = graphs.back([*held], cotangent)
    for one, other in zip(found, by_graphs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    if name in ("dropout", "encoder layer"):
        assert len(given) in pair.direct  # the key, which the masks are made of again
        assert all(len(x.unique()) > 2 for x in kept if x.numel() > 2)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["dropout", "encoder layer", "gumbel"])
def test_a_compiled_step_is_the_eager_one(name: str, state: str, fresh_dynamo: None) -> None:
    model = small(NETS[name], state)
    run = compiled(model)
    for seed in (5, 6):
        model.bits.seed = seed
        (out, found), (eager, wanted) = step(run, model), step(model, model)
        assert equal(out, eager)
        assert equal(found, wanted)
        assert torch.equal(keys_of(out), keys_of(eager))
        assert float(keys_of(out).sum()) == KEY_BITS * SMALL_CALLS


def test_calls_and_runs_draw_apart(fresh_dynamo: None) -> None:
    """Of one graph too, whose equal calls a compiler takes for one."""
    model = small(lambda: nn.Dropout(0.5))
    model.bits.seed = None
    once, twice = compiled(model), compiled(lambda a, b: (*model(a, b), *model(a, b)))
    outs = [step(once, model)[0].a for _ in range(1)] + [once(*inputs()).a]
    assert equal(outs[:1], outs[1:])  # `inputs` seeds torch's generator, which gives the number
    a, b = inputs()
    first, second = once(a, b), once(a, b)
    assert not torch.equal(first.a, second.a)
    together = twice(a, b)
    assert not torch.equal(together[0], together[2])
    model.bits.seed = 5
    together = twice(a, b)
    assert equal(together[:2], together[2:])
    assert torch.equal(together[0], model(a, b).a)


@pytest.mark.parametrize("backend", ["aot_eager"])
def test_a_run_that_nobody_differentiates_draws_the_same(backend: str, fresh_dynamo: None) -> None:
    model = small(Dropping)
    run = compiled(model, backend)
    with torch.no_grad():
        out, eager = run(*inputs()), model(*inputs())
    assert equal(out, eager)
    assert torch.equal(keys_of(out), keys_of(eager))


def test_shapes_may_change(fresh_dynamo: None) -> None:
    model = small(Dropping)
    run = torch.compile(model, fullgraph=True, backend="aot_eager")
    for examples in (2, 3, 5):
        a, b = torch.randn(2, examples, 4, 8).unbind()
        out, eager = run(a, b), model(a, b)
        assert equal(out, eager)
        assert torch.equal(keys_of(out), keys_of(eager))
        assert len(keys_of(out)) == examples


def test_in_evaluation_nothing_is_drawn(fresh_dynamo: None) -> None:
    model = small(Dropping).eval()
    run = compiled(model)
    out, _ = step(run, model)
    assert torch.equal(out.a, model(*inputs()).a)
    with pytest.raises(BindError, match="exchanges no bits"):
        _ = out.ledger
    model.train()
    out, _ = step(run, model)
    assert torch.equal(out.a, model(*inputs()).a)
    assert float(keys_of(out).sum()) == KEY_BITS * SMALL_CALLS


def test_keys_are_booked_beside_valves(fresh_dynamo: None) -> None:
    torch.manual_seed(0)
    model = revc.compile(METERED, nets={"F": Dropping})
    model.bits.seed = 5
    run = compiled(model)
    (out, found), (eager, wanted) = step(run, model), step(model, model)
    assert equal(out, eager)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert out.ledger.entries() == eager.ledger.entries()
    assert float(keys_of(out).sum()) == KEY_BITS * 2


@pytest.mark.parametrize("net", [lambda: nn.Dropout(0.3), nn.Tanh])
def test_inductor_draws_the_same_and_writes_over_nothing_that_is_read_again(
    net: Callable[[], nn.Module], fresh_dynamo: None
) -> None:
    """Regions of one input alone are what torch 2.13 lets write over their caller's memory."""
    model = small(net)
    (out, found), (eager, wanted) = step(compiled(model, "inductor"), model), step(model, model)
    assert equal([x == 0 for x in out], [x == 0 for x in eager])
    for one, other in zip((*out, *found), (*eager, *wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


class Leaky(nn.Module):
    """It draws by an operator that has no form for keys."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.rrelu(x, 0.1, 0.9, self.training)


def called(model: Any) -> str:
    """Return the key of the regions of a model's net, as a compiler asks for them."""
    net = model.nets.get_submodule("F")
    leaf = Leaf(net, tuple(net.parameters()), "F", None, capture=model.capture, code=model.code)
    return region_of(leaf, (True,), inputs()[:1])


@pytest.mark.parametrize(
    ("net", "how"), [(Leaky, "auto"), (lambda: nn.Dropout(0.5), "never"), (nn.Tanh, "never")]
)
def test_what_is_called_and_draws_is_refused(net: Callable[[], nn.Module], how: Any) -> None:
    model = small(net, capture=how)
    if net is not nn.Tanh:
        with pytest.raises(BindError, match=r"draws random numbers and is called .*eager mode"):
            called(model)
        model.eval()
    assert bool(called(model)) == (how == "auto")  # in evaluation it is captured


def test_a_segment_that_is_compiled_alone_refuses_nets_that_draw(fresh_dynamo: None) -> None:
    model = small(lambda: nn.Dropout(0.5))
    for segment in model.segments:
        segment.compile(backend="eager")
    with pytest.raises(BindError, match="draws random numbers in a segment"):
        model(*inputs())
    a, b = inputs()
    torch.testing.assert_close(model.eval()(a, b).a, a + 1.25 * b)


def test_a_program_of_shared_nets_and_nested_blocks_is_the_eager_one(fresh_dynamo: None) -> None:
    model = model_of(Dropping)
    model.bits.seed = 5
    (out, found), (eager, wanted) = step(compiled(model), model), step(model, model)
    assert equal((*out, *found), (*eager, *wanted))
    assert float(keys_of(out).sum()) == KEY_BITS * CALLS
