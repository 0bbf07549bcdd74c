"""Nets in pieces along the batch give what they give whole; those that mix examples run whole."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import revc
from revc.runtime.nets.capture.coupling import mixes
from revc.runtime.nets.capture.trace import Sample
from tests.capture.zoo import Branching, D, Lora, Swiglu, T, Tied, Wrapped

SPEC = """dim B
state {state}
net F(x: [B, 4, 8]) -> [B, 4, 8] separable batch
model Net(a: [B, 4, 8], b: [B, 4, 8]) {{
  repeat 2 {{
    a += F(b)
    b -= F(a)
  }}
}}
"""


def turned(net: nn.Module) -> Callable[[], nn.Module]:
    return lambda: Wrapped(lambda f, x: f(x.transpose(1, 2)).transpose(1, 2), net)


def apart(function: Callable[..., Tensor]) -> Callable[[], nn.Module]:
    return lambda: Wrapped(lambda net, x: function(net(x)), nn.Linear(D, D))


def heads(x: Tensor) -> Tensor:
    q = x.view(len(x), T, 2, 4).transpose(1, 2)
    found = functional.scaled_dot_product_attention(q, q, q, is_causal=True)
    return found.transpose(1, 2).reshape(len(x), T, D)


def weighted(x: Tensor) -> Tensor:
    """Norm the tokens of all examples by themselves, each with a weight of its own."""
    weight = torch.arange(float(len(x) * T))
    tokens = x.reshape(1, len(x) * T, D)
    return functional.batch_norm(tokens, None, None, weight, training=True).view(x.shape)


def biased(x: Tensor) -> Tensor:
    """Add another number to each example."""
    bias = torch.arange(float(len(x)))[:, None]
    return x + torch.addmm(bias, x.new_zeros(len(x), D), x.new_ones(D, D))[:, None]


APART: dict[str, Callable[[], nn.Module]] = {
    "swiglu": Swiglu,
    "lora": Lora,
    "tied": Tied,
    "layer norm": lambda: nn.Sequential(nn.LayerNorm(D), nn.GELU(), nn.Linear(D, D)),
    "encoder layer": lambda: nn.TransformerEncoderLayer(D, 2, 16, 0.0, batch_first=True),
    "encoder layer in eval": lambda: nn.TransformerEncoderLayer(
        D, 2, 16, 0.0, batch_first=True
    ).eval(),
    "attention": apart(heads),
    "conv": turned(nn.Conv1d(D, D, 3, padding=1)),
    "group norm": turned(nn.GroupNorm(2, D)),
    "softmax": apart(lambda x: x.softmax(1) + torch.arange(T)[:, None]),
    "einsum": apart(lambda x: torch.einsum("btd,bsd,bse->bte", x, x.tanh(), x) / 8),
    "joined": apart(lambda x: torch.cat([x[..., 4:], -x[..., :4]], -1) * x.mean(1, keepdim=True)),
    "gru": lambda: nn.GRU(D, D, 2, batch_first=True),
    "instance norm": turned(nn.InstanceNorm1d(D)),
    "instance norm with weights": turned(nn.InstanceNorm1d(D, affine=True)),
    "bilinear": lambda: Wrapped(lambda net, x: net(x, x.tanh()), nn.Bilinear(D, D, D)),
    "as many tokens as examples": apart(
        lambda x: x + torch.linspace(0, 1, T * D).view(T, D) @ torch.eye(D)
    ),
    "a scale of its own": apart(lambda x: x * x.new_full((len(x), 1, 1), 2.0)),
}
MIXING: dict[str, Callable[[], nn.Module]] = {
    "not known to keep them apart": apart(lambda x: x.cumprod(1)),
    "batch norm": turned(nn.BatchNorm1d(D, track_running_stats=False)),
    "a mean of the batch": apart(lambda x: x - x.mean(0)),
    "a softmax of the batch": apart(lambda x: x.softmax(0)),
    "attention between examples": lambda: nn.TransformerEncoderLayer(D, 2, 16, 0.0),
    "shifted": apart(lambda x: x.roll(1, 0)),
    "other strides": apart(lambda x: x.transpose(0, 1).reshape(x.shape) + 0),
    "its size": apart(lambda x: x * len(x)),
    "its size, filled": apart(lambda x: x * torch.full((), len(x))),
    "its size, counted": apart(lambda x: x * torch.ones(len(x)).sum()),
    "numbered": apart(lambda x: x * torch.arange(len(x))[:, None, None]),
    "cut by size": apart(lambda x: functional.pad(x[:, : len(x)], (0, 0, 0, T - len(x)))),
    "normed as a whole": apart(lambda x: x / x.norm()),
    "repeated by size": apart(
        lambda x: x * torch.arange(float(len(x))).repeat(len(x)).view(-1, len(x)).sum(1)[0]
    ),
    "multiplied by size": apart(
        lambda x: x + torch.full((len(x), D), float(len(x))).mm(x.new_ones(D, D))[:, None]
    ),
    "a bias for each example": apart(biased),
    "bilinear with the batch": apart(
        lambda x: functional.bilinear(x, x, (x.mT @ x).tanh()).sum(-1, keepdim=True).tanh() * x
    ),
    "batch norm by tokens": apart(
        lambda x: functional.batch_norm(x.flatten(0, 1), None, None, training=True).view(x.shape)
    ),
    "a weight for each example": apart(weighted),
    "crossed": apart(lambda x: ((x[:, 0] @ x[:, 0].T).tanh() @ x.flatten(1)).view(x.shape)),
}
ALL = {**APART, **MIXING}


def run(net: nn.Module, state: str, chunks: int) -> tuple[list[Tensor], Any]:
    model = revc.compile(SPEC.format(state=state), nets={"F": net}, chunks=chunks)
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(4, T, D, generator=generator).requires_grad_() for _ in range(2))
    out = model(a, b)
    leaves = [a, b, *(p for p in net.parameters() if p.requires_grad)]
    grads = torch.autograd.grad(sum(x.square().sum() for x in out), leaves, allow_unused=True)
    return [*out, *(g for g in grads if g is not None)], model


@pytest.mark.parametrize("name", ALL)
def test_pieces_give_what_the_whole_gives(name: str) -> None:
    torch.manual_seed(0)
    net = ALL[name]()
    if name.endswith("in eval"):
        net.eval()
    whole, _ = run(net, "float32", 1)
    pieces, model = run(net, "float32", 2)
    for one, other in zip(pieces, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert {row.how for row in model.nets_report()} == {"captured"}
    assert all(bool(row.whole) == (name in MIXING) for row in model.nets_report())


@pytest.mark.parametrize("name", ["swiglu", "batch norm"])
def test_what_runs_whole_is_undone_bit_for_bit(name: str) -> None:
    torch.manual_seed(0)
    _, model = run(ALL[name](), "lattice(Q12.20)", 3)
    values = [torch.randn(4, T, D) for _ in range(2)]
    out = model(*values)
    again = model(*model.inverse(out))
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))


def test_what_cannot_be_captured_is_taken_at_its_word() -> None:
    values = [torch.randn(rows, T, D) for rows in (4, 2)]
    assert mixes(Branching(), Sample((), values[:1], None), values[1:]) == ""


def test_what_an_example_draws_is_its_own() -> None:
    values = [torch.randn(rows, T, D) for rows in (4, 2)]
    for net in (nn.Dropout(0.3), Wrapped(lambda x: x * torch.rand(len(x), 1, 1))):
        assert mixes(net, Sample((), values[:1], None), values[1:]) == ""


@pytest.mark.parametrize(("name", "mixing"), [("swiglu", False), ("softmax", True)])
def test_pieces_of_the_sequence_are_looked_at_too(name: str, mixing: bool) -> None:
    torch.manual_seed(0)
    net, source = ALL[name](), SPEC.replace("separable batch", "separable batch, sequence")
    values = [torch.randn(4, T, D) for _ in range(2)]
    found = []
    for chunks in (1, (2, 2)):
        model = revc.compile(source.format(state="float32"), nets={"F": net}, chunks=chunks)
        found.append(model(*values))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert any(row.whole for row in model.nets_report()) == mixing
