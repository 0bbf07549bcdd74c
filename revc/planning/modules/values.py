"""What flows between modules: tensors, or tuples of them, and their like without numbers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

from revc.errors import BindError


def tensors(value: Any) -> list[Tensor]:
    """Return the tensors of a value, in order."""
    return [one for one in tree_leaves(value) if isinstance(one, Tensor)]


def wanted(value: Any) -> list[Tensor]:
    """Return the tensors of a value that a gradient flows to."""
    return [one for one in tensors(value) if one.requires_grad]


def has_numbers(value: Any) -> bool:
    """Say whether all tensors of a value can be read."""
    return all(not isinstance(one, FakeTensor) and not one.is_meta for one in tensors(value))


def like(value: Any, device: torch.device | None = None) -> Any:
    """Return new leaves of the same shapes, strides, dtypes, devices and flags.

    Numbers are not read. Where either is on the meta device, `device` counts.
    """

    def made(one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        metas = device is not None and "meta" in (one.device.type, device.type)
        where = device if metas else one.device
        new = torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device=where)
        return new.requires_grad_(one.requires_grad)

    return tree_map(made, value)


def runnable(value: Any, device: torch.device) -> Any:
    """Return copies of inputs that a step can be run on: those without numbers become zeros."""

    def copied(one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        if has_numbers(one):
            made = one.detach().clone()
        else:
            made = torch.zeros(one.shape, dtype=one.dtype, device=device)
        return made.requires_grad_(one.requires_grad)

    return tree_map(copied, value)


def signature(value: Any) -> Any:
    """Return what of a value a module's memory depends on."""
    leaves, form = tree_flatten(value)
    return form, tuple(
        (tuple(one.shape), one.stride(), one.dtype, str(one.device), one.requires_grad)
        if isinstance(one, Tensor)
        else repr(one)
        for one in leaves
    )


def checked(args: Sequence[Any]) -> tuple[Any, ...]:
    """Return the example inputs of a network.

    Raises:
        BindError: there is none, or one is no tensor.
    """
    if not args:
        raise BindError("a plan needs example inputs: revc.plan(net, x, memory=..)")
    for number, one in enumerate(args, 1):
        if not isinstance(one, Tensor):
            raise BindError(f"example input {number} is a {type(one).__name__}, not a tensor")
    return tuple(args)
