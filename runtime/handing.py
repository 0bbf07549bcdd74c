"""Gradients that go to a parameter's as soon as they are found, rather than with its segment's.

A backward pass holds what a Function returns until it ends. Where a parameter has a gradient that
is added to, and nobody looks at what is added, autograd's own node for it can take each part at
once: it adds in place, under its lock, as it would later.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


class Fed(tuple[Tensor, ...]):
    """A net's tensors, with `sinks`: for each, what takes its gradient; None has it returned."""

    sinks: tuple[Any, ...]


def fed(tensors: Sequence[Tensor], nodes: Iterable[Any]) -> tuple[Tensor, ...]:
    """Return a net's tensors, fed where they can be; `nodes` are those of autograd for them."""
    sinks = tuple(node if node is not None and _takes(node) else None for node in nodes)
    if not any(sinks):
        return tuple(tensors)
    found = Fed(tensors)
    found.sinks = sinks
    return found


def hand(net: tuple[Tensor, ...], parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Hand over the gradients of a net's tensors; return those that nothing took."""
    if not isinstance(net, Fed):
        return parts
    return tuple(map(_handed, net.sinks, parts))


def unfed(net: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return a net's tensors whose gradients are all returned: others are added to them first."""
    return tuple(net)


def _handed(sink: Any, part: Tensor | None) -> Tensor | None:
    if sink is None or part is None:
        return part
    sink(part.to(sink.variable.dtype))
    return None


def _takes(node: Any) -> bool:
    """Say whether a node adds to the gradient of a leaf in this pass, with nobody looking on."""
    leaf = getattr(node, "variable", None)
    if leaf is None or leaf.grad is None or leaf.grad.layout is not torch.strided:
        return False
    if leaf._backward_hooks or leaf._post_accumulate_grad_hooks:
        return False
    return _is_due(node) and _is_on_stream(leaf)


def _is_due(node: Any) -> bool:
    """Say whether the pass accumulates: not where it is asked for gradients, or for others."""
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:  # so torch answers for a leaf whose gradient `autograd.grad` returns
        return False


def _is_on_stream(leaf: Tensor) -> bool:
    """Say whether the pass runs where others that add to the gradient are waited for."""
    if leaf.device.type != "cuda":
        return leaf.device.type == "cpu"
    here = torch.cuda.current_stream(leaf.device)
    return bool(here == torch.cuda.default_stream(leaf.device))
