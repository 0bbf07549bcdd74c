"""What reversible peers get wrong: the ways in which people use autograd."""

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import BindError, DoubleBackwardError
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.laws import gradients, randomize, weighted
from tests.model.reference import Reference


def make(source: str = specs.LAYERS, **options: object) -> ReversibleModel:
    torch.manual_seed(0)
    model = revc.compile(source, **options)
    randomize(model)
    return model


def pair(grad: bool = True) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.randn(3, 5, 8, generator=generator) for _ in range(2))
    return a.requires_grad_(grad), b.requires_grad_(grad)


def oracle(model: ReversibleModel, **inputs: Tensor) -> dict[str, Tensor]:
    return Reference(model.graphs.program, model.net_modules())(**inputs)


def close(found: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=2e-3)


def test_two_forwards_then_one_backward() -> None:
    model, (a, b) = make(), pair()
    first, second = model(a, b), model(b, a)
    loss = weighted(first._asdict()) + 2 * weighted(second._asdict())
    wanted = weighted(oracle(model, a=a, b=b)) + 2 * weighted(oracle(model, a=b, b=a))
    leaves = [a, b, *model.parameters()]
    close(gradients(loss, leaves), gradients(wanted, leaves))


def test_autograd_grad_leaves_grad_alone() -> None:
    model, (a, b) = make(), pair()
    (found,) = torch.autograd.grad(model(a, b).a.sum(), [a])
    (wanted,) = torch.autograd.grad(oracle(model, a=a, b=b)["a"].sum(), [a])
    close([found], [wanted])
    assert a.grad is None
    assert all(p.grad is None for p in model.parameters())


def test_inputs_without_gradient() -> None:
    model, (a, b) = make(), pair(grad=False)
    model(a, b).b.sum().backward()
    assert a.grad is None
    mine = [p.grad for p in model.parameters()]
    wanted = gradients(oracle(model, a=a, b=b)["b"].sum(), list(model.parameters()))
    close([g for g in mine if g is not None], wanted)


@pytest.mark.parametrize("frozen", ["attention", "mlp", "norm", "weight", ""])
def test_frozen_parameters(frozen: str) -> None:
    model, (a, b) = make(), pair()
    for name, param in model.named_parameters():
        param.requires_grad_(frozen not in name)
    trained = [p for p in model.parameters() if p.requires_grad]
    weighted(model(a, b)._asdict()).backward()
    assert all((p.grad is None) == (not p.requires_grad) for p in model.parameters())
    wanted = gradients(weighted(oracle(model, a=a, b=b)), [a, b, *trained])
    close([g for g in (a.grad, b.grad, *(p.grad for p in trained)) if g is not None], wanted)


def test_no_grad_forward_leaves_inputs_alone() -> None:
    model, (a, b) = make(), pair()
    before = a.detach().clone(), b.detach().clone()
    with torch.no_grad():
        quiet = model(a, b)
    loud = model(a, b)
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])
    assert not quiet.a.requires_grad
    assert all(torch.equal(x, y) for x, y in zip(quiet.state[0], loud.state[0], strict=True))


def test_float_state_leaves_inputs_alone() -> None:
    model = make(specs.LAYERS.replace("lattice(Q12.20)", "float32"))
    a, b = pair()
    before = a.detach().clone()
    model(a, b).a.sum().backward()
    assert torch.equal(a, before)


def test_backward_twice() -> None:
    model, (a, b) = make(), pair()
    loss = weighted(model(a, b)._asdict())
    leaves = [a, b, *model.parameters()]
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    second = torch.autograd.grad(loss, leaves)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_relu_feeds_the_stack() -> None:
    model, (a, b) = make(), pair()
    leaves = [a, b, *model.parameters()]
    found = gradients(weighted(model(torch.relu(a), torch.relu(b))._asdict()), leaves)
    inputs = {"a": torch.relu(a), "b": torch.relu(b)}
    close(found, gradients(weighted(oracle(model, **inputs)), leaves))


def test_shared_net() -> None:
    source = specs.LAYERS.replace("block Layer", "net F = linear()\nblock Layer").replace(
        "b += mlp(norm(a), width = 2*d, act = gelu)", "b += F(a)"
    )
    model, (a, b) = make(source), pair()
    leaves = [a, b, *model.parameters()]
    found = gradients(weighted(model(a, b)._asdict()), leaves)
    close(found, gradients(weighted(oracle(model, a=a, b=b)), leaves))
    assert [name for name, _ in model.named_parameters() if name.startswith("nets.F.")] == [
        "nets.F.weight",
        "nets.F.bias",
    ]


def test_unused_results() -> None:
    model, (a, b) = make(), pair()
    leaves = [a, b, *model.parameters()]
    found = gradients(model(a, b).b.square().sum(), leaves)
    close(found, gradients(oracle(model, a=a, b=b)["b"].square().sum(), leaves))


def test_only_an_emit_is_used() -> None:
    model = make(specs.LANGUAGE).double()
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    leaves = list(model.parameters())
    found = gradients(model(tokens, targets).loss, leaves)
    close(found, gradients(oracle(model, tokens=tokens, targets=targets)["loss"], leaves))


def test_double_backward_is_refused() -> None:
    model, (a, b) = make(), pair()
    loss = model(a, b).a.sum()
    with pytest.raises(DoubleBackwardError, match="create_graph"):
        torch.autograd.grad(loss, [a], create_graph=True)


@pytest.mark.parametrize("chunks", [1, 3])
def test_autocast_is_restored(chunks: int) -> None:
    model, (a, b) = make(chunks=chunks), pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(a, b)
    plain = model(a, b)
    assert not torch.equal(out.state[0][0], plain.state[0][0])
    weighted(out._asdict()).backward()  # outside of autocast; the checksums watch the rebuild
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        wanted = oracle(model, a=a, b=b)
    leaves = list(model.parameters())
    theirs = gradients(weighted(wanted), leaves)
    for param, other in zip(leaves, theirs, strict=True):
        assert param.grad is not None
        scale = other.abs().max() + 1e-6
        assert (param.grad - other).abs().max() / scale < 0.1


def test_bfloat16_nets() -> None:
    model, (a, b) = make().bfloat16(), pair()
    out = model(a, b)
    assert out.a.dtype == torch.float32
    back = model.inverse(out)
    again = model(*back)
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))
    weighted(out._asdict()).backward()
    assert all(p.grad is not None and p.grad.dtype == torch.bfloat16 for p in model.parameters())


def test_training_lowers_the_loss() -> None:
    model = make(specs.LANGUAGE)
    tokens = torch.randint(11, (4, 6), generator=torch.Generator().manual_seed(3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = model(tokens[:, :-1], tokens[:, 1:]).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


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


def test_parameter_gradient_hooks_fire() -> None:
    model, (a, b) = make(), pair()
    fired: list[str] = []
    for name, param in model.named_parameters():
        param.register_hook(lambda grad, name=name: fired.append(name))
    model(a, b).a.sum().backward()
    assert len(fired) == len(list(model.parameters()))


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
    "unknown": ({"F": Attend, "G": Attend}, "no net `G`"),
    "missing": ({}, "no body"),
}


@pytest.mark.parametrize(("nets", "message"), BAD_BINDS.values(), ids=BAD_BINDS.keys())
def test_bad_nets(nets: dict[str, object], message: str) -> None:
    with pytest.raises(BindError, match=message):
        revc.compile(specs.HOLE, nets=nets)(*pair(grad=False))


BAD_INPUTS = {
    "too few": (lambda m, a: m(a), "needs b"),
    "too many": (lambda m, a: m(a, a, a), "takes 2 inputs"),
    "unknown": (lambda m, a: m(a, c=a), "'c' does not fit"),
    "rank": (lambda m, a: m(a[0], a[0]), "the spec says"),
    "size": (lambda m, a: m(a[..., :4], a[..., :4]), "that is 8"),
    "unequal": (lambda m, a: m(a, a[:2]), "that is 3"),
    "integers": (lambda m, a: m(a > 0, a > 0), "pass floats"),
    "no tensor": (lambda m, a: m(1.0, a), "not a tensor"),
    "foreign result": (lambda m, a: m.inverse((a, a)), "inverse takes"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_bad_inputs(call: object, message: str) -> None:
    with pytest.raises(BindError, match=message):
        call(make(), pair(grad=False)[0])


def test_empty_chunks_are_refused() -> None:
    with pytest.raises(BindError, match="4 chunks of a batch of 3"):
        make(chunks=4)(*pair())


COUPLED = """
use std.nets: linear
dim B, T, d = 6
state lattice(Q12.20)
model M(a, b: [B, T, d]) -> (a, b: [B, T, d]) { repeat 2 {
  a += linear(b)
  b += linear(a)
} }
"""


def test_a_run_under_autocast_is_inverted_outside_of_it() -> None:
    torch.manual_seed(0)
    model = revc.compile(COUPLED)
    inputs = model.inverse(model(*torch.randn(2, 3, 5, 6)))
    with torch.autocast("cpu", torch.bfloat16):
        out = model(*inputs)
    for value, was in zip(model.inverse(out), inputs, strict=True):
        assert torch.equal(value, was)


def test_an_empty_input_is_refused() -> None:
    model = revc.compile(COUPLED)
    for shape in ((0, 5, 6), (3, 0, 6)):
        with pytest.raises(BindError, match="nothing in it"):
            model(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_models_take_other_shapes_where_shapes_are_static() -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = revc.compile(COUPLED)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=False)
    for shape in ((3, 5, 6), (2, 5, 6), (4, 7, 6)):
        a, b = torch.randn(2, *shape)
        assert torch.equal(compiled(a, b).a, model(a, b).a)


def test_a_batch_of_one_with_odd_sizes_is_checked() -> None:
    model = revc.compile(
        "use std.nets: conv\ndim B\nstate lattice(Q12.20)\n"
        "model D(x: [B, 2, 3, 3]) -> (x: [B, 2, 3, 3]) {\n  split x -> a, b along 1\n"
        "  a += conv(b, width = 4, layers = 2)\n  join a, b -> x along 1\n}\n"
    )
    x = model.inverse(model(torch.randn(1, 2, 3, 3)))
    assert torch.equal(model.inverse(model(x)), x)
