"""A net brought from Python, as graphs are given it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from revc.runtime.nets.keys import NO_KEYS, Keys
from revc.runtime.nets.traced_keys import KeysAgain, TracedKeys
from revc.runtime.state.lattice import decode

if TYPE_CHECKING:
    from revc.runtime.nets.capture.look import Look

Capture = Literal["auto", "never", "require"]
"""Whether modules run as graphs: where they can, never, or always."""

Rng = Literal["refuse", "replay"]
"""What becomes of a module that is called as it is and draws from torch's generators."""


class Leaf(NamedTuple):
    """A brought module with its parameters, in order, and its instance name for messages.

    `cast` is the dtype of the autocast under which the forward pass ran, None without; `custom`
    the name of a hand-written autograd Function in it, if there is one. The parameters are called
    `names`; they are those that the run began with, whatever the module holds now. `training` has
    the flags of its modules then, in order (none where torch.compile traces the run). `capture`
    says whether it may run as graphs, or must. `of_run` are the keys that its calls draw in a run,
    and `rng` what is done where it draws otherwise. `code` is what a compiler asks for its model
    by, and `traced` gives its calls their keys there; `look` is the model's latest look at it.
    """

    module: nn.Module
    params: tuple[Tensor, ...]
    name: str
    cast: torch.dtype | None
    custom: str | None = None
    names: tuple[str, ...] = ()
    training: tuple[bool, ...] = ()
    capture: Capture = "auto"
    of_run: Keys | None = None  # torch 2.11 traces no other default
    rng: Rng = "refuse"
    code: str = ""
    look: "Look | None" = None
    traced: TracedKeys | KeysAgain | None = None

    @property
    def keys(self) -> Keys:
        """The keys that calls draw: outside of a run those that are all the same."""
        return NO_KEYS if self.of_run is None else self.of_run


class Coded(NamedTuple):
    """Lattice state as a net's input, as it is held: a net takes ``raw * 2**-fraction_bits``."""

    raw: Tensor
    fraction_bits: int
    dtype: torch.dtype

    def decoded(self) -> Tensor:
        """Return the floats."""
        return decode(self.raw, self.fraction_bits, self.dtype)


def hooks_of_all() -> bool:
    """Say whether torch has hooks that fire where any module is called."""
    return any(getattr(nn.modules.module, "_global" + name) for name in HOOKS)


def is_hooked(module: nn.Module) -> bool:
    """Say whether a module has hooks of its own.

    Those that torch keeps for all do not count, nor do those of an audit, which only look.
    """
    return any(not hasattr(hook, "only_looks") for hook in _hooks(module))


def is_looked_at(module: nn.Module) -> bool:
    """Say whether an audit follows a module by hooks."""
    return any(hasattr(hook, "only_looks") for hook in _hooks(module))


def _hooks(module: nn.Module) -> Iterator[Any]:
    for name in HOOKS:
        if hooks := getattr(module, name):
            yield from hooks.values()


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""The tables of a module that hold hooks of its calls."""
