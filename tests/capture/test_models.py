"""Models with captured nets: exact inverses, the gradients of called ones, and what guards them."""

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import BindError
from tests.capture.zoo import SEQ, B, Branching, D, Lora, Rotary, Swiglu, T, Tied

SPEC = """dim B
state {state}
net F(x: float32[B, 4, 8]) -> [B, 4, 8]
model Net(a: [B, 4, 8], b: [B, 4, 8]) {{
  repeat 2 {{
    a += F(b)
    b -= F(a)
  }}
}}
"""
NETS: dict[str, Any] = {
    "rotary": Rotary,
    "swiglu": Swiglu,
    "lora": Lora,
    "tied": Tied,
    "encoder layer": lambda: nn.TransformerEncoderLayer(D, 2, 16, 0.0, batch_first=True),
}
STATES = ("lattice(Q12.20)", "float32")


def model_of(net: Any, state: str = STATES[0], **options: Any) -> Any:
    torch.manual_seed(0)
    return revc.compile(SPEC.format(state=state), nets={"F": net}, **options)


def inputs() -> list[Tensor]:
    torch.manual_seed(1)
    return [SEQ()[0].requires_grad_() for _ in range(2)]


def gradients(model: nn.Module) -> list[Tensor | None]:
    leaves = [*inputs(), *(p for p in model.parameters() if p.requires_grad)]
    out = model(*leaves[:2])
    return list(torch.autograd.grad(sum(x.square().sum() for x in out), leaves, allow_unused=True))


def hows(model: Any) -> set[str]:
    return {row.how for row in model.nets_report()}


@pytest.mark.parametrize("schedule", ["invert", "save"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_called_nets(name: str, state: str, schedule: Any) -> None:
    found = model_of(NETS[name], state, schedule=schedule)
    called = model_of(NETS[name], state, schedule=schedule, capture="never")
    assert hows(found) == {"not run"}
    for one, other in zip(gradients(found), gradients(called), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=2e-5)
    assert hows(found) == {"captured"}
    assert hows(called) == {"called"}


@pytest.mark.parametrize("name", NETS)
def test_the_inverse_is_exact(name: str) -> None:
    model = model_of(NETS[name])
    out = model(*inputs())
    again = model(*model.inverse(out))
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))


def test_shapes_change_from_call_to_call() -> None:
    source = SPEC.replace("[B, 4, 8]", "[B, T, 8]").replace("dim B", "dim B, T")
    model = revc.compile(source.format(state=STATES[0]), nets={"F": Swiglu}, capture="require")
    for time in (3, 5, 3, 1):
        a, b = (torch.randn(2, time, D, requires_grad=True) for _ in range(2))
        model(a, b).a.sum().backward()
        assert a.grad is not None


def test_what_the_code_of_a_module_asks_of_it_is_looked_at() -> None:
    class Scaled(nn.Module):
        factor: Any = 2.0

        def __init__(self) -> None:
            super().__init__()
            self.factor, self.both = 2.0, [1.0, 2.0]

        def forward(self, x: Tensor) -> Tensor:
            return x * self.factor * self.both[1] * (1 if self.training else 3)

    model = model_of(lambda: Scaled(), "float32", capture="require")
    nets = model.net_modules()

    def first() -> Tensor:
        a, b = (torch.ones(B, T, D) for _ in range(2))
        return model(a, b).a[0, 0, 0]

    def wanted(factor: float) -> float:
        a = b = 1.0
        for _ in range(2):
            a += factor * b
            b -= factor * a
        return a

    assert first() == wanted(4)
    for net in nets:
        net.factor = 0.5
    assert first() == wanted(1)
    for net in nets:
        net.both[1] = 1.0
    assert first() == wanted(0.5)
    model.eval()
    assert first() == pytest.approx(wanted(1.5))


def test_weights_that_are_loaded_frozen_or_cast_count() -> None:
    model = model_of(Swiglu, "float32", capture="require")
    before = model(*inputs()).a
    state = {name: 2 * value for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert not torch.equal(before, model(*inputs()).a)
    for net in model.net_modules():
        net.gate.requires_grad_(False)
    model(*inputs()).a.sum().backward()
    assert all(net.gate.weight.grad is None for net in model.net_modules())
    assert all(net.up.weight.grad is not None for net in model.net_modules())
    model.double()
    a, b = (x.detach().double() for x in inputs())
    assert model(a, b).a.dtype == torch.float64


def test_a_layer_that_is_replaced_runs() -> None:
    model = model_of(Swiglu, "float32", capture="require")
    before = model(*inputs()).a
    for net in model.net_modules():
        net.down = nn.Sequential(net.down, nn.Tanh())
    assert not torch.equal(before, model(*inputs()).a)
    assert hows(model) == {"captured"}


def test_a_module_that_must_be_captured_and_cannot_be_is_an_error() -> None:
    model = model_of(Branching, capture="require")
    with pytest.raises(BindError, match=r"F' is not captured, .*its numbers decide"):
        model(*inputs())


def test_a_module_that_is_called_says_why() -> None:
    model = model_of(Branching)
    model(*inputs())
    (row, *_) = model.nets_report()
    assert row.how == "called"
    assert "numbers decide" in row.why


def test_there_are_three_ways_to_capture() -> None:
    with pytest.raises(BindError, match="'auto', 'never', 'require'"):
        model_of(Swiglu, capture="always")


def test_graphs_go_with_their_module() -> None:
    model = model_of(Swiglu)
    model(*inputs())
    known = weakref.ref(model.net_modules()[0])
    del model
    gc.collect()
    assert known() is None


def test_a_module_that_was_captured_is_copied_without_its_graphs() -> None:
    model = model_of(Swiglu, capture="require")
    grads = gradients(model)
    twin = copy.deepcopy(model)
    for one, other in zip(grads, gradients(twin), strict=True):
        assert torch.equal(one, other)  # type: ignore[arg-type]


class Sparse(nn.Module):
    """It scales by rows of a table whose gradient is sparse."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(T, D, sparse=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.table(torch.arange(T))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_modules_that_are_scripted_compiled_or_sparse_run() -> None:
    plain = nn.Sequential(nn.Linear(D, D), nn.Tanh())
    wanted = gradients(model_of(copy.deepcopy(plain)))
    compiled = torch.compile(copy.deepcopy(plain), backend="aot_eager")
    for net in (torch.jit.script(copy.deepcopy(plain)), compiled):
        for one, other in zip(gradients(model_of(net)), wanted, strict=True):
            torch.testing.assert_close(one, other)
    model = model_of(Sparse)
    found = gradients(model)[2:]
    assert all(one is not None and one.is_sparse for one in found)
