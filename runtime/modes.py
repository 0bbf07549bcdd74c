"""The mode of a forward pass: what is restored when its nets run again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from revc.runtime.metered.session import Options

NO_OPTIONS = Options()


@dataclass(frozen=True)
class Mode:
    """How one forward pass ran, to be restored in its backward pass.

    `dtype` is the nets' dtype, `low` that of matmuls (another under autocast only), `training` the
    training flag of every module of the nets, in order; `examples` the batch size; `options` say
    how its bits run.
    """

    sizes: tuple[int, ...]
    dtype: torch.dtype
    low: torch.dtype
    device: torch.device
    training: tuple[bool, ...]
    examples: int = 1
    options: Options = NO_OPTIONS

    @property
    def tail(self) -> tuple[Any, ...]:
        """The arguments that every graph takes behind its nets, but for bits and health."""
        return (*self.sizes, self.dtype, self.low, self.device)


def mode_of(
    owner: nn.Module, nets: nn.Module, sizes: Mapping[str, int], order: Sequence[str],
    values: Sequence[Tensor], options: Options = NO_OPTIONS,
) -> Mode:  # fmt: skip
    """Return the mode in which a module would run on `values` now."""
    first = next((p for p in owner.parameters() if p.is_floating_point()), None)
    device = first.device if first is not None else values[0].device if values else None
    device = device or torch.device("cpu")
    dtype = first.dtype if first is not None else torch.float32
    low = dtype
    if torch.is_autocast_enabled(device.type) and dtype == torch.float32:
        low = torch.get_autocast_dtype(device.type)
    flags = tuple(module.training for module in nets.modules())
    ordered = tuple(sizes[name] for name in order)
    examples = int(values[0].shape[0]) if values and values[0].dim() else 1
    return Mode(ordered, dtype, low, device, flags, examples, options)


@contextmanager
def canonical(nets: nn.Module, mode: Mode) -> Iterator[None]:
    """Restore the mode of the forward pass; graphs cast explicitly, so autocast is off."""
    modules = list(nets.modules())
    now = [module.training for module in modules]
    _set_training(modules, now, mode.training)
    try:
        with torch.autocast(mode.device.type, enabled=False):
            yield
    finally:
        _set_training(modules, mode.training, now)


def _set_training(
    modules: Sequence[nn.Module], now: Sequence[bool], wanted: Sequence[bool]
) -> None:
    for module, old, new in zip(modules, now, wanted, strict=True):
        if old != new:
            module.training = new
