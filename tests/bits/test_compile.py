"""The operators in fx graphs and under torch.compile: same tapes, nothing removed or reordered."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from revc.runtime.bits import BitStack, ops, wideops
from revc.runtime.bits.dist import (
    Categorical,
    FloatBits,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
)

# torch's own warnings about itself, while it compiles.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
BACKENDS = pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
TABLE = Table.from_counts(torch.arange(20))
FLOATS = FloatBits(torch.float32)
LOC = torch.randn(2, 6, generator=torch.Generator().manual_seed(0)) * 5
SCALE = torch.linspace(0.5, 4, 12).reshape(2, 6)
SYMBOLS = torch.randint(0, 20, (2, 6), generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def everything(stack: BitStack, x: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
    """One call of each operator; what is popped shows the order they ran in."""
    logistic = Logistic(loc, scale)
    mixture = Mixture(loc[..., None] * torch.ones(3), loc[..., None] + torch.arange(3.0),
                      scale[..., None] + torch.zeros(3))  # fmt: skip
    softmax = Categorical(loc[..., None] * torch.arange(7.0))
    digits = Uniform(x + 1)
    stack.push(x, TABLE)
    stack.push(x * 3, logistic)
    first = stack.size()
    drawn = (stack.pop(mixture), stack.pop(softmax), stack.pop(digits), stack.pop(TABLE, (2, 6)))
    stack.push(x, mixture)
    stack.push(drawn[1], softmax)
    stack.push(drawn[2], digits)
    bounded, wide = Logistic(loc, scale, bounded=True), WideUniform(x * 99999 + 1)
    stack.push(bounded.clip(x), bounded)
    drawn = (*drawn, stack.pop(wide), stack.pop(bounded), bounded.entropy_bits())
    y = stack.scale(x.int() * 1000, x + 5, 4)
    z = stack.unscale(y + 1, x + 2, 3)
    stack.push(loc, FLOATS)
    back = stack.pop(FLOATS, loc.shape)
    lengths = logistic.shannon(x * 3) + mixture.shannon(x) + softmax.shannon(drawn[1])
    lengths = lengths + bounded.shannon(x) + wide.shannon(x)
    return first, *drawn, y, z, back, lengths, stack.pop(logistic), stack.size()


@BACKENDS
def test_compiled_calls_leave_the_eager_tape(backend: str) -> None:
    eager, compiled = BitStack(2, 3, seed=1), BitStack(2, 3, seed=1)

    def run(x: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
        return everything(compiled, x, loc, scale)

    graph = torch.compile(run, fullgraph=True, backend=backend)
    for turn in range(3):
        x = (SYMBOLS + turn) % 20
        wanted = everything(eager, x, LOC + turn, SCALE)
        for found, want in zip(graph(x, LOC + turn, SCALE), wanted, strict=True):
            assert torch.equal(found, want)
        assert compiled.digest() == eager.digest()
    assert torch.equal(compiled.token[1], eager.token[1])


class Carry(torch.autograd.Function):
    """Pushes in the forward pass; the backward one pops, and may use what it popped."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, symbols: Tensor, stack: BitStack, used: bool) -> Tensor:
        ctx.stack, ctx.used = stack, used
        stack.push(symbols, TABLE)
        ctx.shape = symbols.shape
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        ctx.stack.after(grad)
        popped = ctx.stack.pop(TABLE, ctx.shape)
        return (grad * popped if ctx.used else grad), None, None, None


@BACKENDS
@pytest.mark.parametrize("used", [True, False])
def test_backward_passes_pop_what_forward_passes_pushed(backend: str, used: bool) -> None:
    stack = BitStack(2, 3)
    before = stack.digest()

    def run(x: Tensor, symbols: Tensor) -> Tensor:
        return Carry.apply(
            Carry.apply(x, symbols, stack, used), (symbols + 7) % 20, stack, used
        ).sin()

    graph = torch.compile(run, fullgraph=True, backend=backend)
    for turn in range(2):
        x = (LOC + turn).requires_grad_()
        out = graph(x, SYMBOLS)
        assert stack.digest() != before
        (grad,) = torch.autograd.grad(out.sum(), x)
        inner = torch.cos(4 * x.detach())
        factor = SYMBOLS * ((SYMBOLS + 7) % 20) if used else 1.0
        assert torch.allclose(grad, inner * factor)
        assert stack.digest() == before, "the backward pass popped everything"


def test_a_traced_graph_shows_and_keeps_the_operators() -> None:
    stack, again = BitStack(2, 3), BitStack(2, 3)

    def run(token: Tensor, x: Tensor) -> Tensor:
        ops.push_table(token, x, TABLE.start, TABLE.freq, TABLE.rcp)
        ops.pop_uniform(token, [2, 6], torch.tensor([[5]]))
        return ops.size(token, 2, torch.device("cpu"))

    graph = make_fx(run, tracing_mode="fake", _allow_non_fake_inputs=True)(stack.token, SYMBOLS)
    names = [str(n.target) for n in graph.graph.nodes if "revc_bits" in str(n.target)]
    assert [name.split(".")[1] for name in names] == ["push_table", "pop_uniform", "size"]
    assert bool(stack.untouched().all()), "tracing moves nothing"
    graph.graph.eliminate_dead_code()
    graph.recompile()
    assert torch.equal(graph(stack.token, SYMBOLS), run(again.token, SYMBOLS))
    assert stack.digest() == again.digest()


CALLS: dict[str, Callable[[Tensor], tuple[Any, ...]]] = {
    "push_table": lambda t: (t, SYMBOLS, TABLE.start, TABLE.freq, TABLE.rcp),
    "pop_table": lambda t: (t, [2, 6], torch.int32, TABLE.start, TABLE.freq, TABLE.find),
    "push_uniform": lambda t: (t, SYMBOLS, torch.tensor([[50]])),
    "pop_uniform": lambda t: (t, [2, 6], SYMBOLS + 1),
    "push_single": lambda t: (t, SYMBOLS, SYMBOLS * 256, SYMBOLS.to(torch.uint8), "logistic"),
    "pop_single": lambda t: (t, [2, 6], SYMBOLS * 256, SYMBOLS.to(torch.uint8), "gaussian"),
    "push_wide": lambda t: (t, SYMBOLS, SYMBOLS * 9999 + 1),
    "pop_wide": lambda t: (t, [2, 6], SYMBOLS * 99999 + 1),
    "scale": lambda t: (t, SYMBOLS.int(), SYMBOLS + 1, 4),
    "unscale": lambda t: (t, SYMBOLS.int(), SYMBOLS + 1, 4),
    "size": lambda t: (t, 2, torch.device("cpu")),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_operators_keep_their_schema(name: str) -> None:
    """What each operator says it mutates, returns and aliases is what it does."""
    stack = BitStack(2, 3)
    tests = ("test_faketensor",) if name == "size" else ("test_schema", "test_faketensor")
    operator = getattr(wideops if "wide" in name else ops, name)
    torch.library.opcheck(operator, CALLS[name](stack.token), test_utils=tests)


def test_code_lengths_train_under_compile() -> None:
    loc, scale = LOC.clone().requires_grad_(), SCALE.clone().requires_grad_()

    def loss(loc: Tensor, scale: Tensor) -> Tensor:
        return Logistic(loc, scale).code_length(SYMBOLS).sum()

    eager = torch.autograd.grad(loss(loc, scale), (loc, scale))
    compiled = torch.autograd.grad(torch.compile(loss, fullgraph=True)(loc, scale), (loc, scale))
    for found, want in zip(compiled, eager, strict=True):
        assert torch.allclose(found, want, rtol=1e-4, atol=1e-6)
