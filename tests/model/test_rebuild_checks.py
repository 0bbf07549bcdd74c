"""A backward pass that would go wrong raises, and says where, in eager mode and compiled."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from revc.errors import BindError, ReconstructionError
from revc.runtime.model import ReversibleModel
from revc.runtime.run.guard import ClampWarning, NonFiniteError
from tests.model import specs
from tests.model.made import make, pair

# Dynamo makes an instance of the Function class to look at it; Inductor imports torch.jit.
compiling = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Noisy(nn.Module):
    """Gives another value at every call."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + random.random()


def flip_a_bit(_model: ReversibleModel, out: Any) -> None:
    out.state[0][0].data.view(-1)[7] ^= 1 << 3


def change_a_parameter(model: ReversibleModel, _out: Any) -> None:
    model.nets.get_submodule("repeat_0.1.Layer_0.mlp_0").weight_in.data.mul_(1.01)


FAULTS = {
    "bit": (flip_a_bit, "repeat_0, turn 2"),
    "parameter": (change_a_parameter, "repeat_0, turn 1"),
}


@pytest.mark.parametrize(("fault", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_in_eager_mode(fault: Callable[..., None], place: str) -> None:
    model = make()
    out = model(*pair())
    fault(model, out)
    with pytest.raises(ReconstructionError, match=place):
        out.a.sum().backward()


def test_dropout_in_a_brought_module() -> None:
    net = lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))  # noqa: E731
    model = make(specs.HOLE, nets={"F": net})
    model(*pair()).a.sum().backward()  # it draws from a key, and the same when it is rebuilt
    model = make(specs.HOLE, nets={"F": net}, capture="never")
    with pytest.raises(BindError, match="draws from torch's generators"):
        model(*pair())
    model.eval()(*pair()).a.sum().backward()


def test_random_net() -> None:
    model = make(specs.HOLE, nets={"F": Noisy})
    with pytest.raises(ReconstructionError, match="repeat_0, turn 1"):
        model(*pair()).a.sum().backward()


def test_optimizer_step_between_is_caught_by_autograd() -> None:
    model = make()
    loss = model(*pair()).a.sum()
    with torch.no_grad():
        next(model.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_allocated_register_that_does_not_come_back() -> None:
    model = make(specs.LANGUAGE)
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    out = model(tokens, tokens)
    out.state[0][0][0, 0, 0] += 1
    with pytest.raises(NonFiniteError, match="freed register"):
        model.inverse(out)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_increment_that_is_not_finite(bad: float) -> None:
    model = make()
    with torch.no_grad():
        model.nets.get_submodule("repeat_0.1.Layer_0.mlp_0").bias_out[3] = bad
    with pytest.raises(NonFiniteError, match="repeat_0, turn 1"):
        model(*pair())


def test_wrapping_state_is_still_rebuilt() -> None:
    """Increments beyond the lattice clamp and the state wraps: a bijection all the same."""
    source = specs.HEAD.replace("Q12.20", "Q4.12") + (
        "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n"
        " a += 100 * b\n b += 7 * a\n a -= b * b\n}"
    )
    model = make(source)
    a, b = (7.9 * x.detach().tanh() for x in pair())
    a.requires_grad_()
    with pytest.warns(ClampWarning, match="beyond the lattice"):
        out = model(a, b)
    out.a.sum().backward()
    again = model(*model.inverse(out))
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))
    assert model.count_wraps(a, b) > 0
    assert sum(model.counts.increments.values()) >= 3


def test_no_wraps_are_counted_where_there_are_none() -> None:
    model = make()
    assert model.count_wraps(*pair()) == 0


@compiling
def test_what_is_clamped_has_no_gradient_compiled_or_not() -> None:
    source = specs.HEAD.replace("Q12.20", "Q4.12")
    source += "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n a += 9 * b\n b -= a * a\n}"
    model, (a, b) = make(source), (x.detach().tanh().requires_grad_() for x in pair())
    found = []
    for call in (model, torch.compile(model, backend="aot_eager", dynamic=False)):
        with pytest.warns(ClampWarning, match="its gradient is zero there"):
            out = call(a, b)
        found.append(torch.autograd.grad(out.a.sum() + out.b.square().sum(), [a, b]))
    for eager, compiled in zip(*found, strict=True):
        torch.testing.assert_close(compiled, eager, atol=1e-6, rtol=1e-6)


@pytest.fixture(scope="module")
def both() -> tuple[ReversibleModel, Any]:
    torch._dynamo.reset()
    model = make()
    return model, torch.compile(model, fullgraph=True)


@compiling
class TestCompiled:
    """One compiled model, put to the same faults; compiling takes most of the time."""

    def test_same_gradients(self, both: tuple[ReversibleModel, Any]) -> None:
        model, compiled = both
        a, b = pair()
        leaves = [a, b, *model.parameters()]
        mine = torch.autograd.grad(compiled(a, b).a.square().sum(), leaves)
        eager = torch.autograd.grad(model(a, b).a.square().sum(), leaves)
        for one, other in zip(mine, eager, strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)

    @pytest.mark.parametrize(("fault", "place"), FAULTS.values(), ids=FAULTS.keys())
    def test_fault(
        self, both: tuple[ReversibleModel, Any], fault: Callable[..., None], place: str
    ) -> None:
        model, compiled = both
        out = compiled(*pair())
        fault(model, out)
        with pytest.raises(ReconstructionError, match=place):
            out.a.sum().backward()

    def test_result_carries_its_state(self, both: tuple[ReversibleModel, Any]) -> None:
        model, compiled = both
        out = compiled(*pair())
        assert type(out) is type(model(*pair()))
        assert [raw.dtype for raw in out.state[0]] == [torch.int32] * 2

    def test_inverse_of_a_compiled_result_is_refused(
        self, both: tuple[ReversibleModel, Any]
    ) -> None:
        model, compiled = both
        with pytest.raises(BindError, match="round differently"):
            model.inverse(compiled(*pair()))

    def test_not_finite(self, both: tuple[ReversibleModel, Any]) -> None:
        model, compiled = both
        bias = model.nets.get_submodule("repeat_0.1.Layer_0.mlp_0").bias_out
        bias.data[3] = float("nan")
        with pytest.raises(NonFiniteError, match="repeat_0, turn 1"):
            compiled(*pair())
        bias.data[3] = 0


@compiling
def test_compiled_language_model_with_chunks() -> None:
    torch._dynamo.reset()
    model = make(specs.LANGUAGE, chunks=2)
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    leaves = list(model.parameters())
    mine = torch.autograd.grad(compiled(tokens, targets).loss, leaves)
    eager = torch.autograd.grad(model(tokens, targets).loss, leaves)
    for one, other in zip(mine, eager, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


@compiling
@pytest.mark.parametrize("net", [lambda: nn.Linear(8, 8), lambda: nn.LayerNorm(8)])
def test_compiled_brought_modules(net: Callable[[], nn.Module]) -> None:
    torch._dynamo.reset()
    model = make(specs.HOLE, nets={"F": net})
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    a, b = pair()
    leaves = [a, b, *model.parameters()]
    mine = torch.autograd.grad(compiled(a, b).a.square().sum(), leaves)
    eager = torch.autograd.grad(model(a, b).a.square().sum(), leaves)
    for one, other in zip(mine, eager, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


class LegacyFunction(torch.autograd.Function):
    """Written the old way, with the context in `forward`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * (1 - x.tanh() ** 2)


class Legacy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return LegacyFunction.apply(x)


@compiling
def test_legacy_autograd_functions_that_are_called_are_refused_compiled() -> None:
    torch._dynamo.reset()
    model = make(specs.HOLE, nets={"F": Legacy}, capture="never")
    model(*pair()).a.sum().backward()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match=r"autograd\.Function"):
        compiled(*pair())


@compiling
def test_nested_modules_that_are_called_are_refused_compiled() -> None:
    torch._dynamo.reset()
    net = lambda: nn.Sequential(nn.Linear(8, 8), nn.GELU())  # noqa: E731
    model = make(specs.HOLE, nets={"F": net}, capture="never")
    model(*pair()).a.sum().backward()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match="parameters in submodules"):
        compiled(*pair())


@compiling
@pytest.mark.parametrize("wanted", ["inputs", "parameters", "one parameter"])
def test_compiled_checks_hang_on_what_somebody_gets(wanted: str) -> None:
    """Which gradient is the smallest says nothing: nobody may want it."""
    torch.manual_seed(0)
    model = make()
    a, b = (value.detach() for value in pair())
    for value in (a, b):
        value.requires_grad_(wanted == "inputs")
    params = list(model.parameters())
    for param in params:
        param.requires_grad_(wanted == "parameters")
    largest = max(params, key=Tensor.numel)
    largest.requires_grad_(wanted != "inputs")
    compiled = torch.compile(model, backend="aot_eager", dynamic=False)
    out = compiled(a, b)
    change_a_parameter(model, out)
    with pytest.raises(ReconstructionError):
        out.a.sum().backward()


@compiling
def test_compiled_checks_hang_on_each_result() -> None:
    model = make(specs.LANGUAGE)
    tokens = torch.randint(0, 11, (2, 5))  # given twice

    def loss_alone(tokens: Tensor, targets: Tensor) -> Tensor:
        return model(tokens, targets)[-1]

    compiled = torch.compile(loss_alone, backend="aot_eager", dynamic=False)
    compiled(tokens, tokens)
    with torch.no_grad():
        model.nets.get_submodule("Tok").weight.fill_(float("nan"))
    with pytest.raises(NonFiniteError):
        compiled(tokens, tokens)
