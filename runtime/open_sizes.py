"""Sizes that a compiler leaves open, so that its code is right for more than one shape.

Such a size is a symbol with a hint, the number that it has in the call that is traced. To compare
two of them as numbers makes the compiler guard the answer; names are compared without.
"""

import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import SymInt, Tensor
from torch.fx import Graph, Node

_SCALARS = (torch.SymInt, torch.SymFloat, torch.SymBool)


def hint(size: int | SymInt) -> int:
    """Return the number that a size has in the call that is traced."""
    return size if isinstance(size, int) else int(size.node.hint)


def named(sizes: Sequence[int | SymInt]) -> tuple[int | str, ...]:
    """Return sizes as numbers, and as expressions of symbols where they are open."""
    return tuple(map(_name, sizes))


def _name(size: Any) -> int | str:
    if isinstance(size, int):
        return size
    number = size.node.maybe_as_int()
    return str(size.node.expr) if number is None else int(number)


def is_open(x: Tensor) -> bool:
    """Say whether a size or stride of a tensor is open."""
    return any(isinstance(one, str) for one in named((*x.shape, *x.stride())))


def is_scalar(node: Node) -> bool:
    """Say whether a node of a graph stands for an open size, or what was computed from some."""
    return isinstance(node.meta.get("val"), _SCALARS)


def has_hint(node: Node) -> bool:
    """Say whether a number is known for such a node."""
    return node.meta["val"].node.hint is not None


def unite(graph: Graph) -> None:
    """Let a graph ask each open size once: of what it takes, where that has it."""
    known: dict[int | str, Node] = {}
    inputs = list(graph.find_nodes(op="placeholder"))
    scalars = [node for node in graph.nodes if is_scalar(node)]
    with graph.inserting_after(inputs[-1] if inputs else None):
        for node in inputs if scalars else ():
            _ask(graph, node, known)
    for node in scalars:
        first = known.setdefault(_name(node.meta["val"]), node)
        if first is not node:
            node.replace_all_uses_with(first)
            graph.erase_node(node)


def _ask(graph: Graph, node: Node, known: dict[int | str, Node]) -> None:
    value = node.meta.get("val")
    for axis, size in enumerate(value.shape if isinstance(value, Tensor) else ()):
        name = _name(size)
        if isinstance(name, str) and name not in known:
            known[name] = graph.call_function(torch.ops.aten.sym_size.int, (node, axis))
            known[name].meta["val"] = size


class _Noted(threading.local):
    """What a compiler knows of the tensors that it was last shown."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []


_noted = _Noted()


def _note(context: Any) -> None:
    _noted.tensors.append(context.get_local("x").as_fake())


def show(x: Tensor) -> None:
    """Note what Dynamo, where it traces this, knows of a tensor: for `shown`."""
    if not torch.compiler.is_dynamo_compiling():
        _noted.tensors.append(x)
        return
    from torch._dynamo.comptime import comptime

    comptime(_note)


def shown(count: int) -> list[Tensor]:
    """Return what was noted last, in order; a trace that ended early may have left more."""
    found, _noted.tensors = _noted.tensors[len(_noted.tensors) - count :], []
    return found


def lies_inside() -> bool:
    """Say whether the tensor that was shown lies behind the beginning of its memory."""
    return any(hint(x.storage_offset()) != 0 for x in shown(1))


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
lies_inside._dynamo_marked_constant = True  # type: ignore[attr-defined]
