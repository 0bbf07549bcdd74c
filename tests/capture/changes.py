"""A module of many sorts of parts, and what its user may do to it between two calls."""

import copy
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune

FACTOR = 1.0
HOOKS: list[Any] = []


class Scales(nn.Module):
    """A linear layer with numbers, a container, tensors and a function besides."""

    kind = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.number, self.options = nn.Linear(4, 4), 1.0, {"a": [1.0, 2.0]}
        self.act: Callable[[Tensor], Tensor] = torch.tanh
        self.register_buffer("held", torch.ones(4))
        self.plain: Any = torch.ones(4)

    def forward(self, x: Tensor) -> Tensor:
        """Return the product of all."""
        numbers = self.number * self.options["a"][0] * self.kind * FACTOR
        out: Tensor = self.act(self.linear(x)) * numbers * self.held * self.plain
        return out


class Tree(nn.Module):
    """Parts that run in an order, one of which runs once more."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4))
        self.parts = nn.ModuleList([Scales(), nn.Linear(4, 4), inner, nn.LayerNorm(4)])
        self.order, self.residual, self.shared = [0, 1, 2, 3], True, self.parts[1]

    def forward(self, x: Tensor) -> Tensor:
        """Run the parts."""
        for index in self.order:
            x = self.parts[index](x) + (x if self.residual else 0)
        out: Tensor = self.shared(x)
        return out


class Adapter(nn.Module):
    """A part with a product of low rank besides."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base, self.on = base, True
        self.down, self.up = (nn.Parameter(torch.randn(shape)) for shape in ((4, 2), (2, 4)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        out: Tensor = self.base(x)
        return out + x @ self.down @ self.up if self.on else out


class Doubled(nn.Module):
    """A parametrisation."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return the double."""
        return 2 * weight


Draw = random.Random
Change = Callable[[Tree, Draw], object]


def _plain_linear(net: Tree) -> list[Any]:
    """Return the linear layers whose weight is as it was made."""
    found = [part for part in net.modules() if type(part) is nn.Linear]
    return [part for part in found if "weight" in part._parameters]


def _some(kind: type[nn.Module]) -> Callable[[Tree, Draw], Any]:
    return lambda net, draw: draw.choice(
        [x for x in net.modules() if isinstance(x, kind)] or [kind]
    )


_scales, _norm = _some(Scales), _some(nn.LayerNorm)


def _replace(net: Tree, draw: Draw, make: Callable[[Any], nn.Module]) -> None:
    places = [
        (part, name) for part in net.modules() for name, child in part.named_children()
        if type(child) is nn.Linear
    ]  # fmt: skip
    part, name = draw.choice(places)
    setattr(part, name, make(part.get_submodule(name)))


def _fresh(draw: Draw) -> nn.Module:
    return nn.Linear(4, 4, bias=draw.random() < 0.5)


def _act(draw: Draw) -> Any:
    leaky = partial(functional.leaky_relu, negative_slope=draw.choice([0.1, 0.3]))
    return draw.choice([torch.tanh, torch.sigmoid, torch.relu, leaky])


def _tie(net: Tree, draw: Draw) -> None:
    one, other = draw.sample(_plain_linear(net), 2)
    one.weight = other.weight


def _swap(net: Tree, draw: Draw) -> None:
    one, other = draw.sample(range(4), 2)
    net.parts[one], net.parts[other] = net.parts[other], net.parts[one]


def _freeze(net: Tree, draw: Draw) -> None:
    for value in draw.sample([*net.parameters()], 2):
        value.requires_grad_(not value.requires_grad)


def _load(net: Tree, assign: bool) -> None:
    values = {name: torch.randn_like(value) for name, value in net.state_dict().items()}
    net.load_state_dict(values, strict=False, assign=assign)


def _optimize(net: Tree) -> None:
    with torch.no_grad():
        for value in net.parameters():
            value.add_(torch.randn_like(value), alpha=0.1)


def _hook(net: Tree, draw: Draw) -> None:
    if HOOKS:
        HOOKS.pop().remove()
        return
    part = draw.choice([*net.modules()])
    HOOKS.append(part.register_forward_hook(lambda _module, _taken, out: out * 0.5))


def _forward(net: Tree, draw: Draw) -> None:
    part, factor = draw.choice(_plain_linear(net)), draw.choice([2.0, 3.0])
    if "forward" in part.__dict__:
        del part.forward
    else:
        part.forward = lambda x, run=part.forward: run(x) * factor


def set_factor(value: float) -> None:
    """Set the constant that a part's code finds by name."""
    global FACTOR
    FACTOR = value


CHANGES: dict[str, Change] = {
    "number": lambda net, draw: setattr(_scales(net, draw), "number", draw.choice([0.5, 1, 3.0])),
    "item": lambda net, draw: _scales(net, draw).options["a"].__setitem__(0, draw.random()),
    "options": lambda net, draw: setattr(_scales(net, draw), "options", {"a": [draw.random()]}),
    "activation": lambda net, draw: setattr(_scales(net, draw), "act", _act(draw)),
    "order": lambda net, draw: draw.shuffle(net.order),
    "another order": lambda net, draw: setattr(net, "order", draw.sample(net.order, 4)),
    "residual": lambda net, _: setattr(net, "residual", not net.residual),
    "shared": lambda net, draw: setattr(net, "shared", draw.choice(_plain_linear(net))),
    "replaced": lambda net, draw: _replace(net, draw, lambda _: _fresh(draw)),
    "adapter": lambda net, draw: _replace(net, draw, Adapter),
    "adapters off": lambda net, draw: setattr(_some(Adapter)(net, draw), "on", False),
    "tied": _tie,
    "swapped": _swap,
    "frozen": _freeze,
    "parametrised": lambda net, draw: parametrize.register_parametrization(
        draw.choice(_plain_linear(net)), "weight", Doubled()
    ),
    "weight norm": lambda net, draw: parametrizations.weight_norm(draw.choice(_plain_linear(net))),
    "pruned": lambda net, draw: prune.random_unstructured(
        draw.choice(_plain_linear(net)), "weight", 0.5
    ),
    "buffer": lambda net, draw: setattr(
        _scales(net, draw), "held", torch.rand(draw.choice([(4,), (1,), (1, 4)]))
    ),
    "tensor": lambda net, draw: setattr(
        _scales(net, draw), "plain", draw.choice([torch.rand(4), torch.rand(1), 0.5, 2])
    ),
    "loaded": lambda net, _: _load(net, assign=False),
    "assigned": lambda net, _: _load(net, assign=True),
    "optimised": lambda net, _: _optimize(net),
    "class": lambda _, draw: setattr(Scales, "kind", draw.choice([0.5, 1.0])),
    "constant": lambda _, draw: set_factor(draw.choice([0.25, 1.0])),
    "hook": _hook,
    "forward": _forward,
    "mode": lambda net, _: net.train(not net.training),
    "epsilon": lambda net, draw: setattr(_norm(net, draw), "eps", draw.choice([1e-5, 0.5])),
    "copied": lambda net, _: net.parts.__setitem__(0, copy.deepcopy(net.parts[0])),
    "no bias": lambda net, draw: setattr(draw.choice(_plain_linear(net)), "bias", None),
    "more": lambda net, draw: net.parts.__setitem__(
        2, nn.Sequential(net.parts[2], draw.choice([nn.ReLU(), nn.Dropout(1.0)]))
    ),
}


def changed(net: Tree, draw: Draw, names: Sequence[str] = (*CHANGES,)) -> str:
    """Do one of the changes that can be done now, and return its name."""
    name = draw.choice(names)
    try:
        CHANGES[name](net, draw)
    except (IndexError, ValueError, RuntimeError, AttributeError):  # there is nothing to change
        return f"no {name}"
    return name
