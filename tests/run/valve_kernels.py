"""What the kernels of valves stand for, to be played: operators in their place."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from revc.runtime.metered import lengths, lengths_vjp


def value_of(raw: Tensor, step: float, unit: int) -> Tensor:
    """What the coder knows of raw lattice values."""
    return index_of(raw, unit).float() * step


def index_of(raw: Tensor, unit: int) -> Tensor:
    return torch.div(raw.long() + unit // 2, unit, rounding_mode="floor")


def sequence_length(raw: Tensor, params: Tensor, step: float, unit: int) -> Tensor:
    return lengths.sequence_length("logistic", value_of(raw, step, unit), params, step)


def sequence_length_vjp(
    cotangent: Tensor, raw: Tensor, params: Tensor, step: float, unit: int
) -> tuple[Tensor | None, Tensor | None]:
    value = value_of(raw, step, unit)
    return lengths_vjp.sequence_length_vjp("logistic", cotangent, value, params, step)


def reparameterise_vjp(
    cotangent: Tensor, raw: Tensor, params: Tensor, step: float, unit: int
) -> Tensor | None:
    value = value_of(raw, step, unit)
    return lengths_vjp.reparameterise_vjp("logistic", cotangent, value, params, step)


def split(raw: Tensor, unit: int) -> tuple[Tensor, Tensor]:
    index = index_of(raw, unit)
    return index.int(), raw.long() + unit // 2 - index * unit


def join(
    index: Tensor, residue: Tensor | None, unit: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    value = index.long() * unit - unit // 2
    value = value if residue is None else value + residue
    return value.to(dtype), (value.to(dtype) != value).any()


BESIDE = {
    "join": lambda _index, *_: ["zeros"],
    "reparameterise_vjp": lambda by, *_: [] if by.is_contiguous() else ["clone"],
}
"""What else a call launches, by its arguments."""

MODULES: dict[str, Any] = {
    "kernels": (sequence_length, sequence_length_vjp, reparameterise_vjp),
    "parts": (split, join),
}


def module(name: str, count: Any) -> Any:
    """Return what stands for a module of kernels, each of which counts as a launch."""

    def played(function: Any) -> Any:
        own = function.__name__

        def call(*arguments: Any) -> Any:
            for other in BESIDE.get(own, lambda *_: [])(*arguments):
                count.add(other)
            return count.kernel(f"kernel {own}", function, *arguments)

        return call

    return SimpleNamespace(**{f.__name__: played(f) for f in MODULES[name]})
