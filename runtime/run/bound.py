"""The nets of a segment as they stand in the module tree now: looked up by name, never by position.

A built-in net that is as it was made gives its tensors to the graphs, by the names of attributes:
parametrisations, weight norm and shared tensors count as they would anywhere in torch. One that was
replaced, or whose hooks must fire, is called as a module, like a net brought from Python.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from revc.errors import BindError
from revc.runtime.nets.leaf import Leaf, is_hooked

if TYPE_CHECKING:
    from revc.runtime.run.run import Run

_PLAIN = (Tensor, nn.Parameter)


@dataclass(frozen=True)
class Made:
    """A net as the program made it: its class, and the attributes that graphs take, in order.

    `kind` is None for a net brought from Python.
    """

    kind: type[nn.Module] | None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bound:
    """A net of a segment for one run.

    `tensors` are what autograd sees of it: a built-in net's attributes, a brought net's parameters,
    which are called `names`. `training` has the flags of a brought net's modules, in order.
    """

    name: str
    module: nn.Module
    brought: bool
    names: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    training: tuple[bool, ...] = ()


def made(net: nn.Module, builtin: bool) -> Made:
    """Describe a net that a model is made with."""
    if not builtin:
        return Made(None)
    return Made(type(net), tuple(name for name, _ in net.named_parameters()))


def bind(name: str, module: nn.Module, known: Made, called: bool = False) -> Bound:
    """Return a net as it is now; `called` says that it runs as a module in any case.

    Raises:
        BindError: a tensor that the graphs need is gone, or sharded.
    """
    if called or runs_as_module(module, known):
        found = dict(module.named_parameters())
        names = tuple(found)
        tensors: tuple[Tensor, ...] = tuple(found.values())
        flags = tuple(part.training for part in module.modules())
        bound = Bound(name, module, True, names, tensors, flags)
    else:
        tensors = tuple(_tensor(name, module, path) for path in known.names)
        bound = Bound(name, module, False, known.names, tensors)
    for tensor in bound.tensors:
        if type(tensor) not in _PLAIN:
            _check_whole(name, tensor)
    return bound


def runs_as_module(module: nn.Module, known: Made) -> bool:
    """Say whether a net is called as a module: brought, replaced, or with hooks of its own."""
    if known.kind is None:
        return True
    if type(module) is not known.kind and (
        not parametrize.is_parametrized(module)
        or parametrize.type_before_parametrizations(module) is not known.kind
    ):
        return True
    return is_hooked(module) or "forward" in module.__dict__


def leaf(run: "Run", bound: Bound, own: tuple[Tensor, ...]) -> Leaf:
    """Return what the graphs take for a brought net whose parameters are `own`."""
    model, name = run.model, bound.name
    known = model.custom.get(name), bound.names, bound.training, model.capture
    look = model.looks[name]
    return Leaf(bound.module, own, name, run.mode.cast, *known, run.keys, model.rng, look=look)


def find(nets: nn.Module, name: str) -> nn.Module:
    """Return a net by its dotted name; `get_submodule` does the same at several times the cost."""
    for part in name.split("."):
        nets = nets._modules[part]  # type: ignore[assignment]
    return nets


def _tensor(name: str, module: nn.Module, path: str) -> Tensor:
    own = module._parameters.get(path)
    if own is not None:
        return own
    value: Any = module
    for part in path.split("."):
        value = getattr(value, part, None)
    if not isinstance(value, Tensor):
        raise BindError(f"net {name} has no tensor `{path}`, which the program reads")
    return value


def _check_whole(name: str, tensor: Tensor) -> None:
    distributed = sys.modules.get("torch.distributed.tensor")
    if distributed is not None and isinstance(tensor, distributed.DTensor):
        raise BindError(
            f"net {name} holds a sharded parameter: shard segments (`fully_shard` of each of "
            "`model.segments`) or the whole model, so that it is gathered when they run; `inverse` "
            "needs it gathered (`unshard`)"
        )


def flat(bounds: Iterable[Bound]) -> list[Tensor]:
    """Return the tensors of nets, one after the other."""
    return [tensor for bound in bounds for tensor in bound.tensors]
