"""Brought nets make no gradient that nobody can ask for, and lose none that somebody does."""

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.codegen.interface import sizes_of
from revc.codegen.library import Library
from revc.codegen.options import Needs, Options
from revc.errors import BindError, InternalError
from revc.passes.spec import build
from revc.runtime.nets.leaf import Leaf
from revc.runtime.state.alloc_health import new_health

SPEC = """dim B, T, d = 4
state float32
block Inner(a, b: [B, T, d], given m: float32[T, T]) {
  net G(x: [B, T, d], m: [T, T]) -> [B, T, d]
  a += G(b, m)
}
model Net(a, b: [B, T, d], given m: float32[T, T]) -> (a, b: [B, T, d]) {
  net F(x: [B, T, d], m: [T, T]) -> [B, T, d]
  a += F(b, m + 1)
  Inner(b, a, m)
  repeat 2 {
    net H(x: [B, T, d], m: [T, T]) -> [B, T, d]
    a += H(b, 2 * m)
  }
}
"""
HOLES = ("F", "G", "H")
B, T, D = 2, 3, 4


class Recording(nn.Module):
    """Mixes positions by a mask, and notes which of its inputs require a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(D, D) * 0.3)
        self.seen: list[tuple[bool, ...]] = []

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        self.seen.append((x.requires_grad, m.requires_grad))
        return torch.tanh(m @ (x @ self.weight))


def leaf(module: nn.Module, name: str) -> Leaf:
    names, params = zip(*module.named_parameters(), strict=True)
    training = tuple(part.training for part in module.modules())
    return Leaf(module, params, name, None, None, names, training)


def tail(block: object) -> tuple[object, ...]:
    known = {"B": B, "T": T}
    sizes = [known[name] for name in sizes_of(block)]  # type: ignore[arg-type]
    return (
        *sizes,
        torch.float32,
        torch.float32,
        torch.device("cpu"),
        new_health(torch.device("cpu")),
    )


@pytest.mark.parametrize("asked", [True, False])
def test_an_input_requires_a_gradient_in_both_graphs_or_in_none(asked: bool) -> None:
    torch.manual_seed(0)
    model, library = build(SPEC, nets=HOLES).model, Library()
    nets = [Recording() for _ in model.nets]
    leaves = tuple(leaf(net, slot.name) for net, slot in zip(nets, model.nets, strict=True))
    a, b, m = torch.randn(B, T, D), torch.randn(B, T, D), torch.randn(T, T)
    graph = library.forward(model, Options(), (asked,))
    out = graph(a.clone(), b.clone(), m, *leaves, *tail(model))
    needs = Needs((asked,), (True,) * len(nets))
    pull = library.vjp(model, needs, Options(), (asked,))
    d_a, d_b, d_m = torch.randn(B, T, D), torch.randn(B, T, D), torch.zeros(T, T)
    state = (out[0].clone(), out[1].clone(), d_a.clone(), d_b.clone())
    back = pull(*state, m, d_m if asked else None, *leaves, *tail(model))
    assert [net.seen for net in nets] == [[(True, asked)] * 2] * len(nets)

    own = [x.clone().requires_grad_() for x in (a, b, m)]
    x, y, mask = own
    x = x + nets[0](y, mask + 1)
    y = y + nets[1](x, mask)
    x = x + nets[2](y, 2 * mask)
    x = x + nets[3](y, 2 * mask)
    torch.testing.assert_close(out[:2], (x, y))
    params = [net.weight for net in nets]
    found = torch.autograd.grad((x, y), (*own, *params), (d_a, d_b))
    torch.testing.assert_close(back[2:4], found[:2])
    torch.testing.assert_close(back[5:9], tuple((d,) for d in found[3:]))
    if asked:
        torch.testing.assert_close(back[4], found[2])
    else:
        assert back[4] is None


class Changing(Recording):
    """Changes the mask that it was given to read."""

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        return super().forward(x, m.mul_(2))


def test_an_input_that_requires_no_gradient_may_not_be_changed_either() -> None:
    model = build(SPEC, nets=HOLES).model
    leaves = tuple(leaf(Changing(), slot.name) for slot in model.nets)
    graph = Library().forward(model, Options(), (False,))
    a, b, m = torch.randn(B, T, D), torch.randn(B, T, D), torch.randn(T, T)
    with pytest.raises(BindError, match="'F' changes its input in place"):
        graph(a, b, m, *leaves, *tail(model))


def test_graphs_without_brought_nets_are_shared_by_both() -> None:
    source = SPEC.partition("model")[0].partition("block")[0] + (
        "model Net(a, b: [B, T, d], given m: float32[B, T, d]) { a += b * m }"
    )
    model, library = build(source).model, Library()
    assert library.forward(model, Options(), (False,)) is library.forward(model, Options(), (True,))


def test_a_cotangent_that_is_not_asked_for_is_a_bug() -> None:
    model = build(SPEC, nets=HOLES).model
    with pytest.raises(InternalError, match="asks for"):
        Library().vjp(model, Needs((True,), (True,) * 4), Options(), (False,))


HOLE = """dim B, d = 4
state float32
model Net(a, b: [B, d], given u: float32[B, d]) -> (a, b: [B, d]) {
  net F(x: [B, d], u: [B, d]) -> [B, d]
  a += F(b, u)
}
"""


class Outside(nn.Module):
    """Computes with a tensor that it does not hold as a parameter."""

    def __init__(self, held: Tensor) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.held = [held]

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        out: Tensor = self.inner(x) * self.held[0]
        return out


def test_a_gradient_that_would_be_lost_is_an_error_that_names_the_net() -> None:
    model = revc.compile(HOLE, nets={"F": Outside(torch.ones(4, requires_grad=True))})
    out = model(torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4))
    with pytest.raises(BindError, match="'F' computes with a tensor that is none of its param"):
        out.a.sum().backward()


def test_a_tensor_that_wants_no_gradient_may_be_held_outside() -> None:
    model = revc.compile(HOLE, nets={"F": Outside(torch.ones(4))})
    out = model(torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4))
    out.a.sum().backward()
