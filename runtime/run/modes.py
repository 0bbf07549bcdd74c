"""The mode of a forward pass: what is restored when its nets run again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from revc.runtime.flags import Flags, chosen, flags
from revc.runtime.metered.session import Options
from revc.runtime.nets.called import set_training

NO_OPTIONS = Options()


@dataclass(frozen=True)
class RunMode:
    """How one forward pass ran, to be restored in its backward pass.

    `dtype` is the nets' dtype, `low` that of matmuls (another under autocast only), `examples` the
    batch size; `options` say how its bits run. `training` has the training flags of the modules of
    brought nets, in order, where torch.compile traces the run; else each net keeps its own. `asked`
    are the givens whose gradient may be asked for. `kernels` are the flags that torch chose kernels
    by, None where torch.compile traces the run.
    """

    sizes: tuple[int, ...]
    dtype: torch.dtype
    low: torch.dtype
    device: torch.device
    training: tuple[bool, ...]
    examples: int
    options: Options  # no default: Dynamo (2.11) has no source for the defaults of a dataclass
    asked: frozenset[str] = frozenset()
    kernels: Flags | None = None

    @property
    def tail(self) -> tuple[Any, ...]:
        """The arguments that every graph takes behind its sizes, but for bits and health."""
        return (self.dtype, self.low, self.device)

    @property
    def wide(self) -> torch.dtype:
        """The dtype of cotangents and of what the caller sees: float64 if the nets are, or 32."""
        return torch.float64 if self.dtype == torch.float64 else torch.float32

    @property
    def cast(self) -> torch.dtype | None:
        """The dtype of the autocast under which brought nets run, None without."""
        return None if self.low == self.dtype else self.low


def mode_of(
    owner: nn.Module, sizes: Mapping[str, int], order: Sequence[str], values: Sequence[Tensor],
    examples: int, options: Options,
) -> RunMode:  # fmt: skip
    """Return the mode in which a module would run on `values` now, which are of `examples`."""
    first = next((p for p in owner.parameters() if p.is_floating_point()), None)
    device = first.device if first is not None else values[0].device if values else None
    device = device or torch.device("cpu")
    dtype = first.dtype if first is not None else torch.float32
    low = dtype
    if dtype == torch.float32 and device.type != "meta" and torch.is_autocast_enabled(device.type):
        low = torch.get_autocast_dtype(device.type)
    ordered = tuple(sizes[name] for name in order)
    kernels = None if torch.compiler.is_compiling() else flags(device)
    return RunMode(ordered, dtype, low, device, (), examples, options, kernels=kernels)


class restored:
    """``with restored(mode):`` run graphs as in a forward pass, whatever holds around the way back.

    No autocast holds, since graphs cast explicitly, and torch chooses kernels by the same flags.
    """

    __slots__ = ("cast", "kernels")

    def __init__(self, mode: RunMode) -> None:
        self.cast, self.kernels = without_autocast(mode.device), chosen(mode.kernels)

    def __enter__(self) -> None:
        self.cast.__enter__()
        self.kernels.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.kernels.__exit__(*error)
        self.cast.__exit__(*error)


def without_autocast(device: torch.device) -> Any:
    """Return a context without autocast: graphs cast explicitly."""
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


@contextmanager
def canonical(modules: Sequence[nn.Module], mode: RunMode) -> Iterator[None]:
    """Restore the mode of a traced forward pass, to which `modules` are those of brought nets."""
    now = [module.training for module in modules]
    set_training(modules, now, mode.training)
    try:
        with torch.autocast(mode.device.type, enabled=False):
            yield
    finally:
        set_training(modules, mode.training, now)
