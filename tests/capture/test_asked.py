"""What a captured module's code asks for beside its tensors: where it is changed, so is the net."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

import revc
from revc.runtime.nets.capture.look import Look
from tests.capture import constants
from tests.capture.constants import Asking, Config
from tests.capture.guarded import traces

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]

SPEC = """dim B, T, d = 8
state lattice(Q12.20)
model Net(a, b: [B, T, d]) {
  net F(x: [B, T, d]) -> [B, T, d]
  a += F(b)
}
"""

CHANGES: dict[str, Callable[[Asking], Any]] = {
    "a number": lambda net: setattr(net, "number", 0.5),
    "a number that was none": lambda net: setattr(net, "nothing", 0.5),
    "an item of a list": lambda net: net.items.__setitem__(0, 0.5),
    "an item more": lambda net: net.items.append(0.5),
    "an entry of a dict": lambda net: net.table.__setitem__("k", 0.5),
    "a configuration": lambda net: setattr(net.config, "factor", 0.5),
    "what a configuration holds": lambda net: setattr(net.config.inner, "factor", 0.5),
    "another configuration": lambda net: setattr(net, "config", Config(0.5)),
    "what a closure holds": lambda net: net.store(0.5),
    "an attribute of the class": lambda net: setattr(type(net), "shared", 0.5),
    "a constant": lambda net: setattr(constants, "FACTOR", 0.5),
    "a constant in a list": lambda net: constants.FACTORS.__setitem__(0, 0.5),
    "what a helper reads": lambda net: setattr(constants, "INNER", 0.5),
    "what a function that it holds reads": lambda net: setattr(constants, "HELD", 0.5),
}
COMPILED: dict[str, Callable[[Asking], Any]] = {
    "another list": lambda net: setattr(net, "items", [0.5 * item for item in net.items]),
    "a helper": lambda net: setattr(constants, "helper", constants.halved),
}
EAGER: dict[str, Callable[[Asking], Any]] = {
    "a bound argument": lambda net: setattr(net, "bound", partial(torch.mul, 0.5)),
    "a hook": lambda net: net.linear.register_forward_hook(lambda *given: given[-1] * 0.5),
    "a hook of all modules": lambda net: register_module_forward_hook(
        lambda module, taken, out: out * 0.5 if isinstance(module, nn.Linear) else None
    ),
}

ALL = CHANGES | COMPILED | EAGER


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FACTOR", "INNER", "HELD", "helper"):
        monkeypatch.setattr(constants, name, getattr(constants, name))
    monkeypatch.setattr(constants, "FACTORS", [1.0])
    monkeypatch.setattr(Asking, "shared", 1.0)


def values() -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(0)
    a, b = ((torch.randn(2, 3, 8, generator=made) * 64).round() / 64 for _ in range(2))
    return a, b.requires_grad_()


def check(call: Callable[..., Any], net: Asking) -> None:
    """Compare a call and its gradients with what the module gives, which is half or the whole."""
    a, b = values()
    found, wanted = call(a, b).a, net(b)
    assert torch.equal(found, a + (wanted * 2**20).round() / 2**20)
    leaves = [b, *net.parameters()]
    pairs = zip(*(torch.autograd.grad(x.sum(), leaves) for x in (found, wanted)), strict=True)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)


@pytest.mark.parametrize("name", ALL)
def test_a_change_between_calls_counts(name: str) -> None:
    net = Asking()
    model = revc.compile(SPEC, nets={"F": net}, capture="require" if name in CHANGES else "auto")
    check(model, net)
    before = net(values()[1])
    hook = (ALL)[name](net)
    torch.testing.assert_close(net(values()[1]), before / 2)
    check(model, net)
    if hasattr(hook, "remove"):
        hook.remove()
        check(model, net)


def test_a_change_is_traced_anew_by_a_compiler() -> None:
    """Each by itself, since a trace sees all; for hooks it does not look."""
    net = Asking()
    traced = traces(net)
    assert (traced(), traced()) == (1, 1)
    for count, (name, change) in enumerate((CHANGES | COMPILED).items(), 2):
        change(net)
        assert (name, traced(), traced()) == (name, count, count)


def test_a_change_between_calls_counts_under_a_compiler() -> None:
    net = Asking()
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    whole = torch.compile(model, fullgraph=True, dynamic=False, backend="aot_eager")
    check(whole, net)
    net.config.factor = 0.5
    check(whole, net)


def test_what_is_not_asked_for_traces_nothing_anew() -> None:
    net = Asking()
    look = Look()
    before = look.settings(net)
    assert before is look.settings(net)
    constants.UNREAD = 2.0
    assert before is look.settings(net)
    net.not_a_number = 0.0
    assert before != look.settings(net)
