"""Modules brought from Python: modes, hooks, instances, and those that are refused."""

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import BindError
from tests.model import specs
from tests.model.laws import gradients, weighted
from tests.model.made import close, make, oracle, pair


class Attend(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


BROUGHT = {
    "lstm": lambda: nn.LSTM(8, 8, batch_first=True),
    "gru": lambda: nn.GRU(8, 8, batch_first=True),
    "encoder layer": lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True),
    "attention": Attend,
    "sequential": lambda: nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.ReLU(inplace=True)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("net", BROUGHT.values(), ids=BROUGHT.keys())
def test_brought_modules(net: object, training: bool) -> None:
    model = make(specs.HOLE, nets={"F": net}).train(training)
    a, b = pair()
    leaves = [a, b, *model.parameters()]
    out = model(a, b)
    found = gradients(weighted(out._asdict()), leaves)
    with torch.enable_grad():
        close(found, gradients(weighted(oracle(model, a=a, b=b)), leaves))
    back = model.inverse(out)
    again = model(*back)
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))


def test_brought_module_hooks_fire_and_modes_come_back() -> None:
    net = nn.Linear(8, 8)
    seen: list[bool] = []
    net.register_forward_hook(lambda module, _args, _out: seen.append(module.training))
    model = make(specs.HOLE, nets={"F": [net] * 2})
    out = model(*pair())
    model.eval()
    out.a.sum().backward()
    assert seen == [True] * 8
    assert not net.training


class Moded(nn.Module):
    """Another function in training than in evaluation, as dropout within it would be."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight if self.training else x + self.weight.tanh()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Dynamo's, of the Function class
def test_compiled_code_follows_the_modes_of_brought_modules(fresh_dynamo: None) -> None:
    """Each call runs as its module says, and its backward pass as the call did."""
    model, (a, b) = make(specs.HOLE, nets={"F": Moded}), pair()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=False)
    leaves = [a, b, *model.parameters()]
    inner = model.nets.get_submodule("repeat_0.1.F")
    for training in (True, False):
        found = []
        for run in (compiled, model):
            inner.train(training)
            out = run(a, b)
            inner.train(not training)
            found.append(gradients(weighted(out._asdict()), leaves))
        close(*found)


def test_one_module_an_instance() -> None:
    modules = [nn.Linear(8, 8) for _ in range(2)]
    model = make(specs.HOLE, nets={"F": modules})
    names = [f"nets.repeat_0.{turn}.F.weight" for turn in (0, 1)]
    assert [n for n, _ in model.named_parameters() if n.endswith("weight")] == names


def test_brought_module_under_autocast() -> None:
    model = make(specs.HOLE, nets={"F": lambda: nn.Linear(8, 8)})
    a, b = pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(a, b)
    assert not torch.equal(out.state[0][0], model(a, b).state[0][0])
    out.a.sum().backward()


class Shifts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.add_(1)


class Shorter(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[..., :4]


BAD_BINDS = {
    "mutates": ({"F": Shifts}, "in place"),
    "wrong shape": ({"F": Shorter}, "shape"),
    "no module": ({"F": lambda: 3}, "not a module"),
    "too few": ({"F": [nn.Linear(8, 8)]}, "instances"),
    "running statistics": ({"F": lambda: nn.BatchNorm1d(8)}, "statistics"),
    "no shapes yet": ({"F": lambda: nn.LazyLinear(8)}, "without a shape"),
    "unknown": ({"F": Attend, "G": Attend}, "no net `G`"),
    "missing": ({}, "no body"),
}


@pytest.mark.parametrize(("nets", "message"), BAD_BINDS.values(), ids=BAD_BINDS.keys())
def test_bad_nets(nets: dict[str, object], message: str) -> None:
    with pytest.raises(BindError, match=message):
        revc.compile(specs.HOLE, nets=nets)(*pair(grad=False))


PARTS = {
    "added": "a[.., :3] += F(a[.., 3:])",
    "scaled": "scale a[.., :3] by sigmoid(F(a[.., 3:])) in [0.5, 1]",
    "twice": "a[.., :3] += F(a[.., 3:]) + F(2 * a[.., 3:])",
}


@pytest.mark.parametrize("state", ["float32", "lattice(Q12.20)"])
@pytest.mark.parametrize("name", PARTS)
def test_a_brought_net_reads_a_part_of_what_is_changed(name: str, state: str) -> None:
    """Autograd counts a write to one part of a float register as a write to all of it."""
    text = f"""dim B
state {state}
net F(x: float32[B, 3]) -> [B, 3] = torch "torch.nn:Linear"(3, 3)
model Net(a: [B, 6]) {{
  {PARTS[name]}
}}
"""
    model, a = revc.compile(text), torch.randn(2, 6, requires_grad=True)
    out = model(a)
    assert all(
        g.abs().sum() > 0 for g in torch.autograd.grad(out.a.sin().sum(), [a, *model.parameters()])
    )
    torch.testing.assert_close(model.inverse(out), a.detach(), rtol=1e-5, atol=1e-6)
