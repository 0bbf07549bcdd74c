"""A net brought from Python, as graphs are given it."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Capture = Literal["auto", "never", "require"]
"""Whether modules run as graphs: where they can, never, or always."""


class Leaf(NamedTuple):
    """A brought module with its parameters, in order, and its instance name for messages.

    `cast` is the dtype of the autocast under which the forward pass ran, None without; `custom`
    the name of a hand-written autograd Function in it, if there is one. The parameters are called
    `names`; they are those that the run began with, whatever the module holds now. `training` has
    the flags of its modules then, in order (none where torch.compile traces the run). `capture`
    says whether it may run as graphs, or must.
    """

    module: nn.Module
    params: tuple[Tensor, ...]
    name: str
    cast: torch.dtype | None
    custom: str | None = None
    names: tuple[str, ...] = ()
    training: tuple[bool, ...] = ()
    capture: Capture = "auto"


def is_hooked(module: nn.Module) -> bool:
    """Say whether a module has hooks of its own; those that torch keeps for all do not count."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
