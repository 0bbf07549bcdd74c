"""Which modules cost the same: those that are told apart by their parameters' numbers alone."""

from collections.abc import Hashable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn

_PLAIN = (int, float, bool, str, bytes, complex, type(None), type, torch.dtype, torch.device)
_OWN = ("_parameters", "_buffers", "_modules")


def fingerprint(module: nn.Module) -> Hashable:
    """Return a key that modules share only if they run the same operators on the same shapes.

    What is not understood of a module is told by its identity, and is like nothing else.
    """
    state = vars(module)
    own = tuple((name, _key(value)) for name, value in state.items() if name not in _OWN)
    held = tuple((name, _key(value)) for kind in _OWN[:2] for name, value in state[kind].items())
    inner = tuple(
        (name, None if child is None else fingerprint(child))
        for name, child in module._modules.items()
    )
    return type(module), own, held, inner


def _key(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return (
            tuple(value.shape),
            value.stride(),
            value.dtype,
            str(value.device),
            value.requires_grad,
        )
    if isinstance(value, (*_PLAIN, FunctionType, BuiltinFunctionType)):
        return type(value), value
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_key, value))
    if isinstance(value, dict | set) and not value:
        return type(value)
    return id(value)
