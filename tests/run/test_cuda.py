"""Whole models on a CUDA device: rebuilt bit for bit, repeatable, and with the CPU's gradients."""

import os

# What cuBLAS asks for where torch is told to be deterministic, before it is first used.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import revc
from revc.runtime.model import ReversibleModel
from tests.model.laws import randomize

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # Inductor's own
    pytest.mark.filterwarnings(
        "ignore:.*should not be instantiated:DeprecationWarning"
    ),  # Dynamo's
]

SPEC = """
use std.nets: attention, conv, cross_entropy, dropout, embedding, linear, mlp, norm
dim B, T = 32, d = 32
state lattice(Q12.20)
model M(a, b: [B, T, d], given targets: label(50)[B, T]) -> (a, b: [B, T, d], w: label(7)[B, T]) {
  draw w: label(7)[B, T] by uniform(7) as dr
  a += embedding(7, w)
  repeat 2 {
    a += dropout(attention(norm(b), heads = 4, causal = true, rotary = true), p = 0.25)
    b += mlp(norm(a), width = 64)
    a += attention(b, heads = 2, window = 8)
    valve a[.., :8] by logistic(linear(b), step = 1/16) as va
  }
  reshape a to [B, 4, T, d/4]
  reshape b to [B, 4, T, d/4]
  a += conv(b, width = 8)
  b += conv(a, width = 8)
  reshape a to [B, T, d]
  reshape b to [B, T, d]
  emit loss = cross_entropy(norm(a), targets, out = 50, chunk = 40)
}
"""


def make(
    dtype: torch.dtype, device: str = "cuda", spec: str = SPEC, lanes: int | None = None
) -> ReversibleModel:
    torch.manual_seed(0)
    model = revc.compile(spec)
    model.bits.seed, model.bits.lanes = 1, lanes
    randomize(model, 0.1)
    return model.to(device, dtype)


def inputs(dtype: torch.dtype, device: str = "cuda") -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(2)
    a, b = (torch.randn(3, 32, 32, generator=random).to(device, dtype) for _ in range(2))
    targets = torch.randint(0, 50, (3, 32), generator=random).to(device)
    return {"a": a.requires_grad_(), "b": b.requires_grad_(), "targets": targets}


def step(model: ReversibleModel, given: dict[str, Tensor]) -> tuple[Any, list[Tensor]]:
    """Run a model and its backward pass; return the result and all gradients."""
    out = model(**given)
    loss = out.loss + out.a.float().cos().mean() + 1e-4 * out.run.lengths.sum()
    return out, list(torch.autograd.grad(loss, [given["a"], given["b"], *model.parameters()]))


def digests(out: Any) -> dict[str, str]:
    return {name: stack.digest() for name, stack in out.run.session.stacks.items()}


@contextmanager
def demanded() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def check_rebuilt(model: ReversibleModel, given: dict[str, Tensor], out: Any) -> None:
    """Check that the inverse gives the inputs, as the lattice holds them, bit for bit."""
    back = model.inverse(out)
    for value, name in zip(back, ("a", "b"), strict=True):
        wanted = (given[name].detach().double() * 2**20).round() / 2**20
        assert torch.equal(value.double(), wanted.to(value.dtype).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_rebuilt_bit_for_bit_and_the_same_again(dtype: torch.dtype) -> None:
    model, given = make(dtype), inputs(dtype)
    out, grads = step(model, given)
    check_rebuilt(model, given, out)
    again, _ = step(model, given)
    assert digests(out) == digests(again)
    for one, other in zip(out, again, strict=True):
        assert torch.equal(one, other)
    assert all(bool(g.isfinite().all()) for g in grads)


def test_gradients_repeat_where_torch_is_deterministic() -> None:
    model, given = make(torch.float32), inputs(torch.float32)
    with demanded():
        out, one = step(model, given)
        check_rebuilt(model, given, out)
        _, other = step(model, given)
    assert all(torch.equal(g, h) for g, h in zip(one, other, strict=True))


def test_what_the_cpu_gives_up_to_rounding() -> None:
    dtype = torch.float64  # what is drawn is the same only if parameters are, nearly always
    (out, grads), (wanted, theirs) = (
        step(make(dtype, device, lanes=32), inputs(dtype, device)) for device in ("cuda", "cpu")
    )
    assert digests(out) == digests(wanted)
    for one, other in zip((*out, *grads), (*wanted, *theirs), strict=True):
        torch.testing.assert_close(one.cpu(), other, atol=1e-5, rtol=1e-4)


def test_bytes() -> None:
    torch.manual_seed(0)
    model = revc.compile("specs/digits.rev").eval().cuda()
    image = torch.randint(0, 17, (64, 1, 8, 8)).float().cuda()
    data = model.compress(image)
    assert torch.equal(model.decompress(data), image)
    assert model.compress(image) == data


HOLE = """
dim B, T = 32, d = 32
state lattice(Q12.20)
net F(x: [B, T, d]) -> [B, T, d]
model M(a, b: [B, T, d]) -> (a, b: [B, T, d]) { a += F(b) }
"""


class Attends(nn.Module):
    """Attention by whichever kernel torch's flags choose."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(32, 3 * 32)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.inner(x).unflatten(-1, (12, 8)).transpose(1, 2)
        out = functional.scaled_dot_product_attention(*heads.chunk(3, 1), is_causal=True)
        return out.transpose(1, 2).flatten(2)


class Convolves(nn.Module):
    """A convolution, for which cudnn measures which algorithm is the fastest."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(1, 64, 5, padding=2)
        self.outer = nn.Conv2d(64, 1, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x[:, None]))[:, 0]


@contextmanager
def tf32() -> Iterator[None]:
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.fp32_precision = "ieee"


@contextmanager
def measuring() -> Iterator[None]:
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = False


@pytest.mark.parametrize("kind", ["attention", "tf32", "benchmark"])
def test_the_way_back_takes_the_kernels_of_the_forward_pass(kind: str) -> None:
    torch.manual_seed(0)
    net = Convolves() if kind == "benchmark" else Attends()
    model = revc.compile(HOLE, nets={"F": net}).cuda()
    model = model.bfloat16() if kind == "attention" else model
    a, b = (x.requires_grad_() for x in torch.randn(2, 3, 32, 32, device="cuda").unbind())
    around = {
        "attention": lambda: sdpa_kernel(SDPBackend.MATH),
        "tf32": tf32,
        "benchmark": measuring,
    }[kind]
    with around():
        out = model(a, b)
        if kind == "benchmark":  # autograd's thread would measure for itself
            torch.autograd.grad(out.a.float().sum(), [a, b], retain_graph=True)
    torch.autograd.grad(out.a.float().sum(), [a, b])  # rebuilt, or an error
    model.inverse(out)


COMPILED = """
use std.nets: linear
dim B, T = 32, d = 32
state lattice(Q12.20)
model M(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  a += tanh(linear(b))
  valve a[.., :8] by logistic(linear(b), step = 1/16) as va
  b += linear(a)
}
"""


def test_compiled() -> None:
    eager = make(torch.float32, spec=COMPILED)
    model = torch.compile(make(torch.float32, spec=COMPILED), dynamic=False)
    given = inputs(torch.float32)
    del given["targets"]
    found = []
    for one in (model, eager):
        out = one(**given)
        loss = out.b.cos().mean() + out.a[..., 8:].sin().mean()
        found.append([*torch.autograd.grad(loss, [given["a"], given["b"]]), out.a[..., 8:]])
    # The fresh values of a valve are other draws where compiled parameters round otherwise.
    assert all(bool(x.isfinite().all()) for x in found[0])
    torch.testing.assert_close(found[0][2], found[1][2], atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_on_another_card_than_the_current_one() -> None:
    model, given = make(torch.float32, "cuda:1"), inputs(torch.float32, "cuda:1")
    out, _ = step(model, given)
    check_rebuilt(model, given, out)
