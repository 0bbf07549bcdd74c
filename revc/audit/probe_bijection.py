"""Try whether a declared inverse undoes its bijection, on numbers of all sizes."""

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

COUNT = 64
LEAST, MOST = -6.0, 2.0
"""Powers of ten that the inputs reach over."""
NEAR = 2.0**-20
"""What rounding may do to an input of size 1: what is computed in float32 passes."""


def mismatch(forward: str, inverse: str) -> str | None:
    """Return at which input ``g(f(x))`` is not x, None if it is at all of them.

    Args:
        forward, inverse: ``module:name`` of f and g: functions of a tensor, or modules made without
            arguments.

    Raises:
        ImportError, AttributeError: there is no such thing.
        TypeError, ValueError, RuntimeError: it is not called so.
    """
    undo = _imported(inverse)
    do = _imported(forward)
    given = inputs()
    with torch.no_grad():
        back = undo(do(given))
    if back.shape != given.shape:
        return f"{list(given.shape)} comes back as {list(back.shape)}"
    wrong = ((back - given).abs() > NEAR * given.abs().clamp(min=1.0)) | back.isnan()
    if not wrong.any():
        return None
    number = int(wrong.nonzero()[0])
    return f"at input #{number}, {given[number]:.6g} comes back as {back[number]:.6g}"


def inputs() -> Tensor:
    """Return numbers of both signs and many sizes, and 0: float64[COUNT]."""
    sizes = torch.logspace(LEAST, MOST, COUNT // 2, dtype=torch.float64)
    both = torch.stack([sizes, -sizes], -1).reshape(-1)
    return torch.cat([both.new_zeros(1), both])[:COUNT]


def _imported(target: str) -> Callable[[Tensor], Tensor]:
    module, _, name = target.partition(":")
    found: Any = getattr(importlib.import_module(module), name)
    made = isinstance(found, type) and issubclass(found, nn.Module)
    return found().double() if made else found
