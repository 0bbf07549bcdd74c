"""Saved tensors in the host's memory until the backward pass asks for them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from revc.planning.modules.packed import Itself, Own


@dataclass(frozen=True)
class _Away:
    """A tensor's numbers on the host, and where they belong."""

    numbers: Tensor
    device: torch.device

    def back(self) -> Tensor:
        """Return the tensor where it belongs."""
        made = torch.empty(self.numbers.shape, dtype=self.numbers.dtype, device=self.device)
        return made.copy_(self.numbers, non_blocking=True)


class OnHost(saved_tensors_hooks):
    """What autograd saves inside goes to the host until it is asked for, but for what is `own`.

    On CUDA the copies are to pinned memory and in the order of the stream. On the CPU the host's
    memory is the same, but not the allocator's: a budget is one of what that holds.
    """

    def __init__(self, own: Own) -> None:
        def pack(value: Tensor) -> Itself | _Away:
            return Itself.of(value) if value in own else _away(value.detach())

        super().__init__(pack, lambda packed: packed.back())


def _away(value: Tensor) -> _Away:
    if value.device.type == "cpu":
        bytes_ = value.numel() * value.element_size()
        place = torch.from_numpy(np.empty(bytes_, np.uint8)).view(value.dtype).view(value.shape)
    else:
        place = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
    place.copy_(value, non_blocking=True)
    return _Away(place, value.device)
