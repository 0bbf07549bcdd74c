"""Nets are what stands in the module tree by name when a segment runs, whatever was put there."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize, prune

import revc
from revc.artifact.package import package
from revc.errors import BindError
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.laws import randomize
from tests.model.made import pair

BUILT = specs.HEAD + (
    "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{\n  net F = {}\n  a += F(b)\n  b += F(a)\n}}"
)
NETS = {
    "linear": "linear()",
    "norm": "norm()",
    "rms": "norm(kind = rms)",
    "mlp": "mlp(width = 16)",
    "attention": "attention(heads = 2)",
}


class Same(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class LoRA(nn.Module):
    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(2, 8) * 0.3)
        self.up = nn.Parameter(torch.randn(8, 2) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.down.T @ self.up.T


def model_of(net: str) -> ReversibleModel:
    torch.manual_seed(0)
    model = revc.compile(BUILT.format(net))
    randomize(model)
    return model


def plainly(model: ReversibleModel, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Run the net as a module, without a lattice."""
    a = a + model.nets.F(b)
    return a, b + model.nets.F(a)


def agrees(model: ReversibleModel) -> None:
    """Compare values and gradients with the net called as a module; go back bit for bit."""
    a, b = pair()
    leaves = [a, b, *(p for p in model.parameters() if p.requires_grad)]
    out = model(a, b)
    wanted = plainly(model, a, b)
    for one, other in zip(out, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    mine = torch.autograd.grad((out.a.square() + out.b.square()).sum(), leaves)
    theirs = torch.autograd.grad(sum(x.square().sum() for x in wanted), leaves)
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
    back = model.inverse(out)
    assert torch.equal(back[0], torch.round(a.detach() * 2**20) / 2**20)


def weight_of(net: nn.Module) -> str:
    return next(name for name, _ in net.named_parameters() if name.startswith("weight"))


@pytest.mark.parametrize("net", NETS.values(), ids=NETS.keys())
def test_a_parametrised_tensor_is_what_counts(net: str) -> None:
    model = model_of(net)
    a, b = pair()
    before = model(a, b).a
    name = weight_of(model.nets.F)
    parametrize.register_parametrization(model.nets.F, name, Same())
    assert torch.equal(model(a, b).a, before)
    agrees(model)
    parametrize.remove_parametrizations(model.nets.F, name)
    assert torch.equal(model(a, b).a, before)
    agrees(model)


CHANGES: dict[str, Callable[[ReversibleModel], object]] = {
    "weight norm": lambda m: parametrizations.weight_norm(m.nets.F),
    "pruned": lambda m: prune.l1_unstructured(m.nets.F, "weight", 0.5),
    "replaced": lambda m: setattr(m.nets, "F", LoRA(m.nets.F)),
    "other class": lambda m: setattr(m.nets, "F", nn.Sequential(nn.Linear(8, 8), nn.Tanh())),
    "other tensor": lambda m: setattr(m.nets.F, "weight", nn.Parameter(torch.randn(8, 8))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_is_put_in_a_nets_place_runs(change: Callable[[ReversibleModel], object]) -> None:
    model = model_of("linear()")
    change(model)
    agrees(model)


@pytest.mark.parametrize("net", ["linear()", "mlp(width = 16)", "attention(heads = 2)"])
def test_hooks_on_built_in_nets_fire(net: str) -> None:
    model = model_of(net)
    seen: list[str] = []
    model.nets.F.register_forward_pre_hook(lambda *_: seen.append("before"))
    model.nets.F.register_forward_hook(lambda *_: seen.append("after"))
    model.nets.F.register_full_backward_hook(lambda *_: seen.append("back"))
    a, b = pair()
    model(a, b).a.square().sum().backward()
    assert seen.count("before") == seen.count("after") == 4, "twice forward, twice rebuilt"
    assert seen.count("back") == 2
    agrees(model)


def test_a_hook_that_changes_the_output_counts() -> None:
    model = model_of("linear()")
    model.nets.F.register_forward_hook(lambda _net, _args, out: 2 * out)
    agrees(model)


def test_a_replaced_net_with_several_arguments_and_a_borrowed_table() -> None:
    source = specs.HEAD + (
        "dim V = 11\nmodel Net(given t: label(V)[B, T], a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n"
        "  net Tok = embedding(V, out = d)\n  net F = linear(out = d)\n"
        "  net G = linear(out = V, tied = Tok)\n"
        "  a += F(b, Tok(t))\n  emit logits = G(a)\n}"
    )
    torch.manual_seed(0)
    model = revc.compile(source)
    tokens, (a, b) = torch.randint(11, (3, 5)), pair()
    leaves = [a, b, *model.parameters()]
    plain = model(tokens, a, b)
    wanted = torch.autograd.grad(plain.a.sum() + plain.logits.square().sum(), leaves)
    for name in ("F", "G"):
        model.nets.get_submodule(name).register_forward_hook(lambda *_: None)
    out = model(tokens, a, b)
    found = torch.autograd.grad(out.a.sum() + out.logits.square().sum(), leaves)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    model.nets.Tok.register_forward_hook(lambda *_: None)
    with pytest.raises(BindError, match="Tok lends its table"):
        model(tokens, a, b)


@pytest.mark.parametrize("numerics", ["float32", "lattice(Q12.20)"])
@pytest.mark.parametrize("own", [True, False], ids=["brought", "built-in"])
def test_a_run_keeps_the_weights_that_it_was_called_with(numerics: str, own: bool) -> None:
    source = (specs.HOLE if own else specs.LAYERS).replace("lattice(Q12.20)", numerics)
    make = lambda: nn.Sequential(nn.Linear(8, 8), nn.Tanh())  # noqa: E731
    nets = {"F": make} if own else {}
    torch.manual_seed(0)
    model = revc.compile(source, nets=nets)
    fast = {n: (p.detach() * 1.5).requires_grad_() for n, p in model.named_parameters()}
    twin = revc.compile(source, nets=nets)
    twin.load_state_dict(fast)
    a, b = pair()
    out = functional_call(model, fast, (a, b))
    found = torch.autograd.grad((out.a.square() + out.b.square()).sum(), [a, *fast.values()])
    same = twin(a, b)
    wanted = torch.autograd.grad((same.a.square() + same.b.square()).sum(), [a, *twin.parameters()])
    assert all(torch.equal(x, y) for x, y in zip(found, wanted, strict=True))


def test_weights_that_are_not_leaves_pass_their_gradient_on() -> None:
    model = revc.compile(specs.HOLE, nets={"F": lambda: nn.Linear(8, 8)})
    scale = torch.tensor(1.5, requires_grad=True)
    fast = {n: p.detach() * scale for n, p in model.named_parameters()}
    out = functional_call(model, fast, pair(grad=False))
    (found,) = torch.autograd.grad(out.a.square().sum(), [scale])
    assert found.abs() > 0


def test_an_artifact_says_that_its_nets_stay(tmp_path, monkeypatch) -> None:
    package(BUILT.format("linear()"), tmp_path / "swapped_net")
    monkeypatch.syspath_prepend(tmp_path)
    import swapped_net

    model = swapped_net.load()
    parametrizations.weight_norm(model.nets.F)
    agrees(model)
    model.nets.F = LoRA(model.nets.F)
    with pytest.raises(BindError, match="not replaced or hooked"):
        model(*pair())
