"""Saved tensors in the host's memory until the backward pass asks for them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from revc.planning.held import storages


@dataclass(frozen=True)
class _Away:
    """A tensor's numbers on the host, and where they belong."""

    numbers: Tensor
    device: torch.device


class OnHost(saved_tensors_hooks):
    """What autograd saves inside goes to the host, parameters apart, and comes back when asked for.

    On CUDA the copies are to pinned memory and in the order of the stream. On the CPU the host's
    memory is the same, but not the allocator's: a budget is one of what that holds.
    """

    def __init__(self, stays: Iterable[Tensor]) -> None:
        kept = storages(list(stays)).keys()

        def pack(value: Tensor) -> Tensor | _Away:
            parameter = isinstance(value, nn.Parameter)
            stays = parameter or bool(storages(value).keys() & kept)
            return value if stays else _away(value.detach())

        super().__init__(pack, _back)


def _away(value: Tensor) -> _Away:
    if value.device.type == "cpu":
        bytes_ = value.numel() * value.element_size()
        place = torch.from_numpy(np.empty(bytes_, np.uint8)).view(value.dtype).view(value.shape)
    else:
        place = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
    place.copy_(value, non_blocking=True)
    return _Away(place, value.device)


def _back(value: Tensor | _Away) -> Tensor:
    if isinstance(value, Tensor):
        return value
    made = torch.empty(value.numbers.shape, dtype=value.numbers.dtype, device=value.device)
    return made.copy_(value.numbers, non_blocking=True)
