"""What a graph calls, as Python code: how each target is written, and how many results it has."""

import math
import operator
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

import torch
from torch._ops import OpOverload
from torch.fx import Node

from revc.artifact.layout import quoted
from revc.errors import InternalError

OPERATORS = {
    operator.add: ("+", 1),
    operator.sub: ("-", 1),
    operator.mul: ("*", 2),
    operator.truediv: ("/", 2),
    operator.floordiv: ("//", 2),
}

# Names for the results of calls that give several.
_RESULTS = {
    "native_layer_norm": ("normed", "mean", "rstd"),
    "native_layer_norm_backward": ("d_input", "d_weight", "d_bias"),
    "group_norm": ("normed", "mean", "rstd"),
    "group_norm_vjp": ("d_input", "d_weight", "d_bias"),
    "max_pool2d_with_indices": ("pooled", "index"),
    "rms_norm": ("normed", "scale"),
    "rms_norm_vjp": ("d_input", "d_weight"),
    "attend": ("attended", "row"),
    "attend_vjp": ("d_q", "d_k", "d_v"),
    "convolution_backward": ("d_input", "d_weight", "d_bias"),
    "cross_entropy_vjp": ("d_input", "d_weight", "d_bias"),
    "run": ("h", "handle"),
    "pull": ("d_net", "d_input"),
    "update": ("h", "health"),
    "chunk": (),
    "split_with_sizes": (),
    "tensor_split": (),
}
_FORWARD = {"watch": "health", "check": "health", "tensor_split": "pieces", "chunk": "parts"}
_BACKWARD = {**_FORWARD, "mm": "d_weight", "sum": "d_bias", "matmul": "d_input"}


def module_of(target: Callable[..., Any]) -> str | None:
    """Return the module of the runtime that a target comes from, or None."""
    module = getattr(target, "__module__", "") or ""
    return module if module.startswith("revc.runtime.") else None


def target_text(target: Callable[..., Any]) -> str:
    """Return how a call's target is written: ``aten.mm.default``, ``lattice.add_``, ``int``.

    Raises:
        InternalError: code of an artifact may not call it.
    """
    if isinstance(target, OpOverload):
        name = str(target)
        return name if name.startswith("aten.") else f"torch.ops.{name}"
    if module := module_of(target):
        return f"{module.rpartition('.')[2]}.{target.__name__}"
    if target is int:
        return "int"
    raise InternalError(f"an artifact cannot call {target!r}")


def short_name(node: Node) -> str:
    """Return the bare name of what a node calls."""
    target = node.target
    if isinstance(target, OpOverload):
        return target._schema.name.rpartition("::")[2]
    return target if isinstance(target, str) else getattr(target, "__name__", "value")


def wish(node: Node) -> str:
    """Return a name for the variable that a node's result goes to.

    It is what the spec calls it, else what the operator gives, else ``h``; a cotangent is ``g``.
    """
    if hint := node.meta.get("hint"):
        return str(hint)
    pulling = bool(node.meta.get("pulling"))
    if node.target is operator.getitem:
        owner, index = node.args
        assert isinstance(owner, Node)
        assert isinstance(index, int)
        names = _RESULTS.get(short_name(owner))
        if names is not None:
            part = "d_part" if pulling else "part"
            return names[index] if index < len(names) else f"{part}_{index}"
        return "g" if pulling else "h"
    return (_BACKWARD if pulling else _FORWARD).get(short_name(node), "g" if pulling else "h")


def result_count(node: Node) -> int | None:
    """Return how many results a call gives; None if it is one, or not known."""
    target = node.target
    if "results" in node.meta:
        count: int = node.meta["results"]
        return count
    if isinstance(target, OpOverload):
        return _of_operator(node, target)
    if node.op != "call_function" or module_of(target) is None:  # type: ignore[arg-type]
        return None
    returned = get_type_hints(target).get("return")
    kinds = get_args(returned)
    return len(kinds) if get_origin(returned) is tuple and Ellipsis not in kinds else None


def _of_operator(node: Node, target: OpOverload) -> int | None:
    aten = torch.ops.aten
    if target is aten.split_with_sizes.default:
        sizes = node.args[1]
        return len(sizes) if isinstance(sizes, list | tuple) else None
    if target in (aten.tensor_split.sections, aten.chunk.default):
        count = node.args[1]
        return count if isinstance(count, int) else None
    returns = target._schema.returns
    return len(returns) if len(returns) > 1 else None


def literal(value: Any) -> str:
    """Return a constant as code.

    Raises:
        InternalError: it is none that code can hold.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float | str):
        return quoted(value) if isinstance(value, str) else repr(value)
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return str(value)
    raise InternalError(f"an artifact cannot hold the constant {value!r}")
