"""What reversible peers get wrong: the ways in which people use autograd."""

import pytest
import torch

import revc
from revc.errors import DoubleBackwardError
from tests.model import specs
from tests.model.laws import gradients, weighted
from tests.model.made import COUPLED, close, make, oracle, pair


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


def test_parameter_gradient_hooks_fire() -> None:
    model, (a, b) = make(), pair()
    fired: list[str] = []
    for name, param in model.named_parameters():
        param.register_hook(lambda grad, name=name: fired.append(name))
    model(a, b).a.sum().backward()
    assert len(fired) == len(list(model.parameters()))


def test_a_run_under_autocast_is_inverted_outside_of_it() -> None:
    torch.manual_seed(0)
    model = revc.compile(COUPLED)
    inputs = model.inverse(model(*torch.randn(2, 3, 5, 6)))
    with torch.autocast("cpu", torch.bfloat16):
        out = model(*inputs)
    for value, was in zip(model.inverse(out), inputs, strict=True):
        assert torch.equal(value, was)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_models_take_other_shapes_where_shapes_are_static() -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = revc.compile(COUPLED)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=False)
    for shape in ((3, 5, 6), (2, 5, 6), (4, 7, 6)):
        a, b = torch.randn(2, *shape)
        assert torch.equal(compiled(a, b).a, model(a, b).a)
