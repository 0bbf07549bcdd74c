"""Which part and which tensor of a module stands where, and what tensors look like, is followed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from tests.capture.guarded import traces
from tests.capture.test_settings import SPEC, Scaled, increment

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


class Applies(nn.Module):
    """A net that applies one of its parts, or multiplies by one of its tensors."""

    used: Any

    def __init__(self, one: Any, two: Any) -> None:
        super().__init__()
        self.one, self.two, self.used = one, two, one

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        return self.used(x) if isinstance(self.used, nn.Module) else x * self.used


class Buffers(Applies):
    """The same with buffers."""

    def __init__(self) -> None:
        super().__init__(None, None)
        del self.one, self.two, self.used
        for name, value in (("one", 1.0), ("two", 3.0)):
            self.register_buffer(name, torch.tensor([value]))
        self.register_buffer("used", self.get_buffer("one"))


class Asks(nn.Module):
    """A net that multiplies by what a function finds in a tensor that it holds."""

    def __init__(self, ask: Callable[[Tensor], float], held: str) -> None:
        super().__init__()
        self.ask = ask
        if held == "buffer":
            self.register_buffer("held", torch.ones(1))
        else:
            self.held = torch.ones(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        return x * self.ask(self.held)


class Nested(nn.Module):
    """A net that counts the parts right below it."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.ModuleList([nn.Identity()]), nn.Identity()])

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        return x * (3.0 if len(self.parts) == 1 else 1.0)


def pulled_in(net: Any) -> None:
    net.parts[0].append(net.parts[1])
    del net.parts[1]


def parameters() -> Applies:
    return Applies(*(nn.Parameter(torch.tensor([value])) for value in (1.0, 3.0)))


def plain() -> Applies:
    return Applies(*(torch.tensor([value]) for value in (1.0, 3.0)))


def parts() -> Applies:
    return Applies(*(Scaled(value, float) for value in (1.0, 3.0)))


def uses_two(net: Any) -> None:
    net.used = net.two


def wider(net: Any) -> None:
    net.held = torch.ones(3)


def asks(ask: Callable[[Tensor], float], held: str = "buffer") -> Callable[[], nn.Module]:
    return lambda: Asks(ask, held)


def by_size(x: Tensor) -> float:
    return float(x.numel())


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[Any], Any]]] = {
    "a part that stands twice": (parts, uses_two),
    "a tied parameter": (parameters, uses_two),
    "a tied buffer": (Buffers, uses_two),
    "a tied tensor": (plain, uses_two),
    "a part within another": (Nested, pulled_in),
    "a buffer's shape": (asks(by_size), wider),
    "a buffer that grew": (asks(by_size), lambda net: net.held.resize_(3)),
    "a tensor's shape": (asks(by_size, "plain"), wider),
    "a buffer's dtype": (
        asks(lambda x: 1.0 if x.dtype == torch.float32 else 3.0), lambda net: net.double(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_change_counts(name: str) -> None:
    make, change = CASES[name]
    net = make()
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    assert increment(model) == 1
    change(net)
    assert increment(model) == 3


@pytest.mark.parametrize("name", ["a tied buffer"])
def test_a_change_counts_under_a_compiler(name: str) -> None:
    torch._dynamo.reset()
    make, change = CASES[name]
    net = make()
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="aot_eager")
    assert increment(compiled) == 1
    change(net)
    assert increment(compiled) == 3


@pytest.mark.parametrize("name", [name for name in CASES if "tied" in name or "part" in name])
def test_a_change_is_traced_anew_by_a_compiler(name: str) -> None:
    make, change = CASES[name]
    net = make()
    traced = traces(net)
    assert (traced(), traced()) == (1, 1)
    change(net)
    assert (traced(), traced()) == (2, 2)
