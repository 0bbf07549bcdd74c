"""Laws of torch.compile's code where shapes change: one for all of them, and the eager bits."""

from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

import revc
from revc.runtime.model import ReversibleModel
from revc.runtime.nets.capture import keyed
from revc.runtime.open_sizes import computed

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]

SPEC = """
dim B, T, d
state lattice(Q12.20)
model Stack(a, b: [B, T, d]) {{
  repeat {count} {{
    net F(x: [B, T, d]) -> [B, T, d]
    a += F(b)
    swap a, b
  }}
}}
"""
SHAPES = [(2, 6), (3, 6), (4, 7), (5, 9), (2, 12), (7, 13), (3, 15), (6, 6), (9, 20), (11, 8)]
"""More than the eight versions that torch keeps of one function's code."""
_OPEN = DimDynamic.DYNAMIC


class Maps(nn.Module):
    """Two linear maps, for nets to use."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)


class Mean(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Compute with a length, and with a mean over it."""
        return (self.first(x - x.mean(1, keepdim=True)) / x.shape[1] ** 0.5).tanh()


class Longer(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Attend to one more place than there are, and return a part of the result."""
        first = self.second.bias.expand(x.shape[0], 1, 8)
        y = torch.cat([first, x], 1)
        count, length, width = y.shape
        z = self.first(y).view(count, length, 2, 4).transpose(1, 2)
        z = F.scaled_dot_product_attention(z, z, z, is_causal=True)
        return z.transpose(1, 2).reshape(count, length, width)[:, 1:]


class Turned(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Exchange halves, flat, by sizes that are computed."""
        half = x.shape[1] // 2
        y = torch.cat([x[:, half:], x[:, :half]], 1).reshape(-1, 8)
        return self.first(y / y.shape[0]).relu().reshape(x.shape)


class Scores(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Make tensors whose sizes are the length twice."""
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        scores = (x @ self.first(x).transpose(1, 2)).masked_fill(~mask, float("-inf"))
        return scores.softmax(-1) @ self.second(x)


class Branches(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Do one thing or the other, by length."""
        return self.first(x) if x.shape[1] > 10 else self.second(x).sigmoid()


class Pooled(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Call operators that torch has in C++ for sizes that are numbers."""
        y = F.adaptive_avg_pool1d(x.transpose(1, 2), 4)
        y = F.interpolate(self.first(y.mT).mT, size=x.shape[1], mode="linear")
        return y.transpose(1, 2)


class Steps(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Go along the length in Python."""
        state, found = torch.zeros_like(x[:, 0]), []
        for step in range(x.shape[1]):
            state = self.first(x[:, step] + state).tanh()
            found.append(state)
        return torch.stack(found, 1)


class Parts(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Return the second of two results that lie in one tensor, each of which is dense."""
        return torch.cat([self.first(x)[None], self.second(x)[None]]).tanh()[1]


class Dropping(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Drop of one place more than there are, turned, and attend with weights dropped."""
        first = self.second.bias.expand(x.shape[0], 1, 8)
        y = F.dropout(self.first(torch.cat([first, x], 1)).mT, 0.3, self.training).mT
        y = y + F.dropout(F.dropout(y, 0.9), 0.45)
        z = y.view(x.shape[0], -1, 2, 4).transpose(1, 2)
        z = F.scaled_dot_product_attention(z, z, z, is_causal=True, dropout_p=0.2)
        return F.dropout1d(z.transpose(1, 2).reshape(y.shape), 0.4, self.training)[:, 1:]


class Drawing(Maps):
    def forward(self, x: Tensor) -> Tensor:
        """Draw as many numbers of each kind as there are places, and which of them count."""
        count, length, _ = x.shape
        noise = torch.rand_like(x) + torch.randn(count, length, 1) + torch.bernoulli(x.sigmoid())
        order, some = torch.randperm(length), torch.randint(0, length, (length,))
        return self.first(noise * x)[:, order][:, some]


def _model(*nets: type[nn.Module]) -> ReversibleModel:
    """Return a model of one update by each net."""
    torch.manual_seed(0)
    text = SPEC.format(count=len(nets))
    return revc.compile(text, dims={"d": 8}, nets={"F": [net() for net in nets]})


def _results(
    run: Callable[..., tuple[Tensor, ...]], model: ReversibleModel, inputs: Sequence[Tensor]
) -> list[Tensor]:
    """Return outputs, and gradients of inputs and parameters."""
    out = run(*inputs)
    wanted = (*inputs, *model.parameters())
    loss = out[0].sin().sum() + out[1].square().sum()
    grads = torch.autograd.grad(loss, wanted, allow_unused=True)
    return [out[0].detach(), out[1].detach(), *(g for g in grads if g is not None)]


def _inputs(count: int, length: int) -> list[Tensor]:
    return [torch.randn(count, length, 8, requires_grad=True) for _ in range(2)]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch._dynamo.reset()
    counters.clear()


def _worst(
    model: ReversibleModel, run: Callable[..., tuple[Tensor, ...]], shape: Sequence[int]
) -> float:
    """Return the largest error of compiled results, beside the largest of what they are."""
    inputs = _inputs(*shape)
    pairs = zip(_results(run, model, inputs), _results(model, model, inputs), strict=True)
    return max(float((x - y).abs().max() / (y.abs().max() + 1e-6)) for x, y in pairs)


@pytest.mark.parametrize(
    # The first shape alone, then batches, then lengths too; or all sizes from the first on.
    ("nets", "dynamic", "graphs"),
    [((Turned,), None, 3), ((Mean, Longer, Turned, Scores), True, 1)],
)
def test_one_trace_has_the_eager_bits_of_all_shapes(
    nets: tuple[type[nn.Module], ...], dynamic: bool | None, graphs: int
) -> None:
    model = _model(*nets)
    run = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    assert [_worst(model, run, shape) for shape in SHAPES] == [0.0] * len(SHAPES)
    assert counters["stats"]["unique_graphs"] == graphs


def test_one_trace_draws_for_all_shapes() -> None:
    model = _model(Dropping, Mean, Drawing)
    model.bits.seed = 5
    run = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    assert [_worst(model, run, shape) for shape in SHAPES] == [0.0] * len(SHAPES)
    assert counters["stats"]["unique_graphs"] == 1


def test_a_size_that_is_not_to_be_computed_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(graph: Graph, size: int | torch.SymInt) -> int | Node:
        if isinstance(computed(graph, size), Node):
            raise LookupError(size)
        return computed(graph, size)

    monkeypatch.setattr(keyed, "computed", lost)
    model = _model(Drawing)
    model.bits.seed = 5
    run = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    shapes = [(2, 3), (3, 3), (2, 5)]
    assert [_worst(model, run, shape) for shape in shapes] == [0.0] * len(shapes)
    assert counters["stats"]["unique_graphs"] == len(shapes)


def test_a_size_is_computed_of_what_a_graph_takes() -> None:
    mode = FakeTensorMode(shape_env=ShapeEnv())
    x, other = (
        mode.from_tensor(torch.empty(6, 4), symbolic_context=StatelessSymbolicContext([_OPEN] * 2))
        for _ in range(2)
    )
    graph = Graph()
    graph.placeholder("x").meta["val"] = x[:, : x.shape[1] // 2]
    rows, width = x.shape
    sizes = [rows, width // 2, 3 * (rows // 2) + width // 2, rows % 4, 7]
    graph.output(tuple(computed(graph, size) for size in sizes))
    run = GraphModule(nn.Module(), graph)
    assert run(torch.empty(6, 2)) == (6, 2, 11, 2, 7)
    assert run(torch.empty(9, 5)) == (9, 5, 17, 1, 7)
    for size in (width, other.shape[0] + rows):
        with pytest.raises(LookupError):
            computed(graph, size)


def test_code_that_branches_by_a_size_is_traced_once_a_branch() -> None:
    model = _model(Branches)
    run = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    assert [_worst(model, run, shape) for shape in SHAPES] == [0.0] * len(SHAPES)
    assert counters["stats"]["unique_graphs"] == 2


def test_operators_for_numbers_are_those_that_torch_has_for_open_sizes() -> None:
    model = _model(Pooled)
    run = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    assert max(_worst(model, run, shape) for shape in SHAPES) < 1e-5
    assert counters["stats"]["unique_graphs"] <= 2


def test_a_size_that_a_net_settles_is_a_number_and_others_stay_open() -> None:
    model = _model(Mean, Steps)
    run = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    shapes = [(2, 3), (3, 3), (5, 3), (2, 4), (7, 4), (3, 3)]
    assert [_worst(model, run, shape) for shape in shapes] == [0.0] * len(shapes)
    assert counters["stats"]["unique_graphs"] == 2  # a length each


def test_what_settles_sizes_in_training_does_not_in_evaluation() -> None:
    class Noisy(Maps):
        def forward(self, x: Tensor) -> Tensor:
            return self.first(x) * (len(x) if self.training else 1)

    model = _model(Noisy)
    run = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    for training, graphs in ((True, 3), (False, 4)):
        model.train(training)
        assert [_worst(model, run, shape) for shape in [(2, 3), (3, 3), (4, 5)]] == [0.0] * 3
        assert counters["stats"]["unique_graphs"] == graphs


def test_what_lies_behind_the_beginning_of_a_tensor_is_read_where_it_lies() -> None:
    model = _model(Longer, Parts)
    run = torch.compile(model, fullgraph=True, dynamic=False)
    assert _worst(model, run, (2, 5)) < 1e-5
