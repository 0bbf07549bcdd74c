"""The nets of a program where a compiler traces a run of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime.nets.leaf import Leaf
from revc.runtime.nets.traced_keys import KeysAgain, TracedKeys
from revc.runtime.ports import take
from revc.runtime.run.bound import Made, bind, find
from revc.runtime.run.modes import RunMode

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel


def tensors_of(model: "ReversibleModel", name: str) -> tuple[Tensor, ...]:
    """Return the tensors of a net.

    Raises:
        BindError: it is a built-in net that was replaced or hooked.
    """
    known: Made = model.made[name]
    bound = bind(name, find(model.nets, name), known)
    if bound.brought and known.kind is not None:
        raise BindError(
            f"net {name} was replaced, or has hooks: torch.compile of the whole model takes "
            "built-in nets as they were made; run it in eager mode"
        )
    return bound.tensors


def nets_of(
    model: "ReversibleModel", mode: RunMode, counts: Sequence[int], tensors: Sequence[Tensor],
    keys: TracedKeys | KeysAgain,
) -> list[Any]:  # fmt: skip
    """Return what the graphs take for each net: its tensors, or the brought module.

    `counts` says how many of the tensors each has; `keys` are those of the run.
    """
    values = iter(tensors)
    nets: list[Any] = []
    for name, count in zip(model.interface.nets, counts, strict=True):
        own = tuple(take(values, count))
        if model.made[name].kind is not None:
            nets.append(own)
            continue
        net = find(model.nets, name)
        known = model.custom[name], _names(net), (), model.capture
        nets.append(Leaf(net, own, name, mode.cast, *known, code=model.code, traced=keys))
    return nets


def brought(model: "ReversibleModel") -> list[nn.Module]:
    """Return the modules whose flags count; tracing a walk over all would take much of the time."""
    known = model.made
    nets = [find(model.nets, name) for name in model.interface.nets if known[name].kind is None]
    return [module for net in nets for module in net.modules()]


def _names(net: nn.Module) -> tuple[str, ...]:
    return tuple(name for name, _ in net.named_parameters())
