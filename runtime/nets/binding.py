"""Nets from Python: bound to the holes of a program, or imported by name."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from revc.errors import BindError

Net = nn.Module | Callable[..., nn.Module] | Sequence[nn.Module]


class Binder:
    """Gives each instance of a net without a body its module, in program order."""

    def __init__(self, given: Mapping[str, Net]) -> None:
        self._given = {
            name: list(net) if isinstance(net, nn.ModuleList) else net
            for name, net in given.items()
        }
        self._taken: dict[str, int] = {}

    def bind(self, name: str) -> nn.Module:
        """Return the module of the next instance of net `name`.

        Raises:
            BindError: it is not given, there are too few of it, or it is no module.
        """
        if name not in self._given:
            raise BindError(f"net {name} has no body: pass nets={{{name!r}: ...}}")
        index = self._taken.get(name, 0)
        self._taken[name] = index + 1
        return _instance(name, self._given[name], index)

    def finish(self) -> None:
        """Check that all that was given is used.

        Raises:
            BindError: a net is not in the program, or a list is too long.
        """
        for name, net in self._given.items():
            used = self._taken.get(name, 0)
            if used == 0:
                raise BindError(f"the program has no net {name} to bind")
            if isinstance(net, Sequence) and len(net) != used:
                raise BindError(f"net {name} has {used} instances, {len(net)} modules were given")


def _instance(name: str, net: Net, index: int) -> nn.Module:
    if isinstance(net, nn.Module):
        return net
    if callable(net):
        net = net()
        if not isinstance(net, nn.Module):
            raise BindError(f"the factory of net {name} gave a {type(net).__name__}, not a module")
        return net
    if index >= len(net):
        raise BindError(f"net {name} has more instances than the {len(net)} modules given")
    return net[index]


def import_net(name: str, target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> nn.Module:
    """Make the net that a spec calls ``torch "module:Class"(args)``.

    Importing a module runs it. What is called is a class of torch modules and nothing else.

    Raises:
        BindError: it does not import, refuses its arguments, or is no torch module.
    """
    module_name, _, attribute = target.partition(":")
    try:
        made = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise BindError(f"net {name}: cannot import {target!r}: {error}") from error
    if not (isinstance(made, type) and issubclass(made, nn.Module)):
        raise BindError(f"net {name}: {target!r} is not a torch module, and was not called")
    try:
        return made(*args, **kwargs)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BindError(f"net {name}: {target} refuses its arguments: {error}") from error


def check_state(name: str, module: nn.Module) -> None:
    """Refuse layers whose running statistics would change when an input is rebuilt, or lazy ones.

    Raises:
        BindError: the module has one.
    """
    for part in module.modules():
        if isinstance(part, LazyModuleMixin) and part.has_uninitialized_params():
            raise BindError(
                f"net {name}: {type(part).__name__} has parameters without a shape; call the "
                "module on an example before it is bound"
            )
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.track_running_stats:
            raise BindError(
                f"net {name}: {type(part).__name__} changes its running statistics in a forward "
                "pass, and again when its input is rebuilt; use a norm without statistics"
            )
