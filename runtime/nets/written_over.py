"""Elementwise operators that can write over an operand, and how: the same kernels run."""

from collections.abc import Callable
from typing import Any

import torch

aten = torch.ops.aten

_GRADIENTS = ("gelu", "silu", "tanh", "sigmoid", "threshold", "softplus")
_PLAIN = (
    "gelu", "silu", "tanh", "sigmoid", "relu", "softplus", "neg", "exp", "log", "sin", "cos", "tan",
    "sqrt", "abs", "sign", "reciprocal",
)  # fmt: skip

OUT: dict[Callable[..., Any], tuple[Callable[..., Any], str]] = {
    **{
        getattr(aten, f"{name}_backward").default: (
            getattr(aten, f"{name}_backward").grad_input,
            "grad_input",
        )
        for name in _GRADIENTS
    },
    **{getattr(aten, name).default: (getattr(aten, name).out, "out") for name in _PLAIN},
    **{
        getattr(aten, name).Tensor: (getattr(aten, name).out, "out")
        for name in ("add", "sub", "mul", "div")
    },
}
