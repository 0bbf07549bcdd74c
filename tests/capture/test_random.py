"""Nets that draw: from a key for each call, the same wherever it is evaluated, and booked."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import revc
from revc.errors import BindError
from revc.runtime.bits.expand import KEY_BITS, key_number
from revc.runtime.nets.capture import calls, keyed
from revc.runtime.nets.capture.cache import capture
from revc.runtime.nets.capture.graphs import Captured
from revc.runtime.nets.capture.trace import Sample
from revc.runtime.nets.leaf import Leaf
from tests.capture.zoo import B, Branching, D, T, Wrapped

SPEC = """dim B
state {state}
net F(x: float32[B, 4, 8]) -> [B, 4, 8]
block Half(a, b: [B, 4, 8]) {{
  a += F(b) + 0.5 * F(0.5 * b)
}}
model Net(a: [B, 4, 8], b: [B, 4, 8]) {{
  repeat 2 {{
    let h = F(b)
    a += 0.5 * h
    a += F(b)
    a += 0.5 * h
    Half(a, b)
    repeat 2 {{ b -= F(a) }}
  }}
}}
"""
CALLS = 2 * (2 + 2 + 2)
STATES = ("lattice(Q12.20)", "float32")


class Dropping(nn.Module):
    """A layer between two dropouts."""

    def __init__(self, p: float = 0.3) -> None:
        super().__init__()
        self.line, self.drop = nn.Linear(D, D), nn.Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(torch.tanh(self.line(self.drop(x))))


def attended(x: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(x, x, x, dropout_p=0.2)


def wrapped(function: Callable[..., Tensor]) -> Callable[[], nn.Module]:
    return lambda: Wrapped(lambda net, x: function(net(x)), nn.Linear(D, D))


NETS: dict[str, Callable[[], nn.Module]] = {
    "dropout": Dropping,
    "dropout in place": wrapped(lambda x: functional.dropout(x, 0.2, True, True)),
    "dropout of channels": wrapped(lambda x: functional.dropout1d(x, 0.2)),
    "dropout of CUDA": wrapped(lambda x: torch.native_dropout(x, 0.2, True)[0].tanh()),
    "dropout whose mask counts": wrapped(
        lambda x: torch.add(*torch.native_dropout(x, 0.2, True), alpha=0.5)
    ),
    "dropout of all": wrapped(lambda x: torch.native_dropout(x, 1.0, True)[0] + x),
    "alpha dropout": wrapped(lambda x: functional.alpha_dropout(x, 0.2, True)),
    "encoder layer": lambda: nn.TransformerEncoderLayer(D, 2, 16, 0.1, batch_first=True),
    "attention": lambda: Wrapped(
        lambda net, x: net(x, x, x)[0], nn.MultiheadAttention(D, 2, 0.1, batch_first=True)
    ),
    "attention of torch": wrapped(attended),
    "gumbel": wrapped(lambda x: functional.gumbel_softmax(x, 2.0)),
    "uniform noise": wrapped(lambda x: x + torch.rand_like(x)),
    "normal noise": wrapped(lambda x: x * torch.randn(T, D)),
    "filled": wrapped(lambda x: x + torch.empty_like(x).uniform_(-1, 1).cos()),
    "filled in part": wrapped(lambda x: x + torch.zeros(T, D).index_fill_(0, torch.tensor([1]), 1)
                              .narrow(1, 0, D).normal_(1, 0.1)),
    "bernoulli": wrapped(lambda x: x * torch.bernoulli(torch.sigmoid(x.detach()))),
    "a depth": wrapped(lambda x: x * (0.5 + torch.rand(B, 1, 1)).floor()),
    "permuted": wrapped(lambda x: x[:, torch.randperm(T)]),
    "labels": wrapped(lambda x: x + torch.randint(3, (D,))),
}  # fmt: skip


def model_of(net: Any, state: str = STATES[0], **options: Any) -> Any:
    torch.manual_seed(0)
    return revc.compile(SPEC.format(state=state), nets={"F": net}, **options)


def inputs() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(B, T, D, requires_grad=True) for _ in range(2)]


def gradients(model: nn.Module) -> list[Tensor]:
    leaves = [*inputs(), *model.parameters()]
    out = model(*leaves[:2])
    return list(torch.autograd.grad(sum(x.square().sum() for x in out), leaves, allow_unused=True))


def graphs_of(net: nn.Module, x: Tensor) -> tuple[Leaf, Captured]:
    params = tuple(net.parameters())
    found = capture(net, Sample(params, (x,), None))
    assert isinstance(found, Captured), found
    return Leaf(net, params, "F", None), found


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_the_function_that_a_key_makes(name: str) -> None:
    torch.manual_seed(0)
    net = NETS[name]().double()
    x = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    leaf, graphs = graphs_of(net, x)
    assert graphs.random
    out, handle = calls.run(leaf, graphs, (x,))
    assert torch.equal(out, calls.value(leaf, graphs, (x,)))
    along, cotangent = torch.randn_like(x), torch.randn_like(out)
    _, by_input = calls.pull(leaf, handle, cotangent)
    ends = [calls.value(leaf, graphs, (x.detach() + step * along,)) for step in (1e-6, -1e-6)]
    slope = ((ends[0] - ends[1]) / 2e-6 * cotangent).sum()
    torch.testing.assert_close((by_input * along).sum(), slope, rtol=1e-6, atol=1e-6)


def test_dropout_keeps_no_mask_whether_it_scales_that_or_the_result(monkeypatch: Any) -> None:
    net, x = Wrapped(lambda x: torch.native_dropout(x.sin(), 0.3, True)[0]), torch.randn(B, T, D)
    outs = []
    for devices in (("cpu",), ()):
        monkeypatch.setattr(keyed, "_SCALED_ON", devices)
        graphs = graphs_of(net, x.requires_grad_())[1]
        out, kept = graphs.front(x.detach(), key_number(5, 1))
        assert graphs.back is not None
        (grad,) = graphs.back([*kept], torch.ones(B, T, D))
        torch.testing.assert_close(grad, torch.where(out == 0, 0, x.cos() / 0.7))
        held = [one for one in kept if isinstance(one, Tensor)]
        assert not any(torch.equal(one == 0, out == 0) for one in held)
        outs.append(out)
    torch.testing.assert_close(*outs)


@pytest.mark.parametrize("schedule", ["invert", "save"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["dropout", "encoder layer", "filled in part", "gumbel"])
def test_every_direction_draws_the_same(name: str, state: str, schedule: Any) -> None:
    model = model_of(NETS[name], state, schedule=schedule, capture="require")
    model.bits.seed = 5
    kept = model_of(NETS[name], state, schedule="save", capture="require")
    kept.bits.seed = 5
    for one, other in zip(gradients(model), gradients(kept), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-4)
    out = model(*inputs())
    back = model.inverse(out)
    wanted = [x.detach() for x in inputs()]
    for one, other in zip(back, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_bits_hang_on_the_seed_and_on_no_generator() -> None:
    model = model_of(Dropping)
    a, b = inputs()
    found = []
    for seed, generator in ((5, 0), (5, 1), (6, 1)):
        model.bits.seed = seed
        torch.manual_seed(generator)
        before = torch.get_rng_state()
        out = model(a, b)
        out.a.sum().backward()
        assert torch.equal(torch.get_rng_state(), before)
        found.append(out.a.detach())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_without_a_seed_each_run_draws_its_own_number() -> None:
    model = model_of(Dropping)
    torch.manual_seed(0)
    one, other = (model(*inputs()).a for _ in range(2))
    assert torch.equal(one, other)  # `inputs` seeds torch's generator, which gives the number
    a, b = inputs()
    assert not torch.equal(model(a, b).a, model(a, b).a)


def test_a_key_is_booked_for_each_call() -> None:
    model = model_of(Dropping)
    out = model(*inputs())
    for account in ("drawn", "written"):
        bits = out.ledger.bits(account, "keys")
        assert len(bits) == B
        assert float(bits.sum()) == KEY_BITS * CALLS
    out.a.sum().backward()
    assert float(out.ledger.bits("drawn").sum()) == KEY_BITS * CALLS


def test_calls_draw_apart_from_one_another() -> None:
    model = model_of(lambda: Wrapped(lambda x: torch.rand_like(x)), "float32")
    model(*inputs())
    run = model(*inputs()).run
    assert len({run.keys.of(call, torch.device("cpu")) for call in run.keys.known}) == CALLS


def test_in_evaluation_nothing_is_drawn() -> None:
    model = model_of(Dropping).eval()
    out = model(*inputs())
    with pytest.raises(BindError, match="exchanges no bits"):
        _ = out.ledger
    model.train()
    out = model(*inputs())
    model.eval()
    out.a.sum().backward()


def test_runs_do_not_meet() -> None:
    model = model_of(Dropping)
    a, b = inputs()
    one, other = model(a, b), model(a, b)
    (one.a.sum() + other.b.sum()).backward(retain_graph=True)
    before = a.grad.clone()
    a.grad = None
    (one.a.sum() + other.b.sum()).backward()
    assert torch.equal(a.grad, before)


def test_rates_are_kept() -> None:
    net = nn.Dropout(0.25)
    x = torch.ones(256, 256, requires_grad=True)
    leaf, graphs = graphs_of(net, x)
    out = calls.value(leaf, graphs, (x,))
    kept = (out != 0).double().mean().item()
    assert abs(kept - 0.75) < 5 * (0.75 * 0.25 / x.numel()) ** 0.5
    assert set(out.unique().tolist()) == {0.0, (x / 0.75)[0, 0].item()}


class Tossing(nn.Module):
    """It draws, and its numbers decide what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.other = nn.Linear(D, D), Branching()

    def forward(self, x: Tensor) -> Tensor:
        return self.other(functional.dropout(self.line(x), 0.3, self.training))


def test_what_is_called_and_draws_is_refused_or_replayed() -> None:
    model = model_of(Tossing)
    for _ in range(2):
        with pytest.raises(BindError, match=r"(?s)draws from torch's.*capture.*rng = \"replay\""):
            model(*inputs())
    model.eval()
    model(*inputs())
    with pytest.raises(BindError, match="'refuse', 'replay'"):
        model_of(Tossing, rng="save")


@pytest.mark.parametrize("state", STATES)
def test_generators_are_replayed_for_what_is_called(state: str) -> None:
    model = model_of(Tossing, state, rng="replay")
    kept = model_of(Tossing, state, rng="replay", schedule="save")
    for one, other in zip(gradients(model), gradients(kept), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-4)
    out = model(*inputs())
    before = torch.get_rng_state()
    out.a.sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


def test_replayed_calls_are_those_of_plain_torch() -> None:
    source = SPEC.split("block")[0] + "model M(a, b: [B, 4, 8]) {{\n  a += F(b)\n}}\n"
    net = Tossing()
    model = revc.compile(source.format(state="float32"), nets={"F": net}, rng="replay")
    a, b = inputs()
    found = model(a, b).a
    torch.manual_seed(1)
    _, _ = (torch.randn(B, T, D) for _ in range(2))
    torch.testing.assert_close(found, a + net(b))


def test_python_s_random_numbers_are_not_frozen() -> None:
    import random

    model = model_of(lambda: Wrapped(lambda x: x * random.random()), "float32")
    model(*inputs())
    assert model.nets_report()[0].how == "called"
    assert "Python or numpy" in model.nets_report()[0].why
