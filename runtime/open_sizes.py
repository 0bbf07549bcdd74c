"""Sizes that a compiler leaves open, so that its code is right for more than one shape.

Such a size is a symbol with a hint, the number that it has in the call that is traced. To compare
two of them as numbers makes the compiler guard the answer; names are compared without.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import SymInt, Tensor
from torch.fx import Graph, Node, Proxy
from torch.fx.node import map_arg
from torch.fx.proxy import GraphAppendingTracer

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
        for node, axis, size in _open(inputs) if scalars else ():
            if _name(size) not in known:
                known[_name(size)] = _ask(graph, node, axis, size)
    for node in scalars:
        first = known.setdefault(_name(node.meta["val"]), node)
        if first is not node:
            node.replace_all_uses_with(first)
            graph.erase_node(node)


def computed(graph: Graph, size: int | SymInt) -> int | Node:
    """Return a size: where it is open, a node that computes it of what the graph takes.

    Raises:
        LookupError: it hangs on more than that.
    """
    import sympy
    from torch.utils._sympy.interp import sympy_interp
    from torch.utils._sympy.reference import PythonReferenceAnalysis

    name = _name(size)
    if isinstance(size, int) or isinstance(name, int):
        return int(name)
    tracer, env, terms = _Scalars(graph), dict[Any, Proxy](), dict[Any, Any]()
    for node, axis, one in _open(graph.find_nodes(op="placeholder")):
        if one.node.expr not in terms and one.node.expr.free_symbols & size.node.expr.free_symbols:
            term = terms[one.node.expr] = sympy.Dummy(integer=True, positive=True)
            env[term] = Proxy(_ask(graph, node, axis, one), tracer)
    expr = size.node.expr.subs(terms, simultaneous=True)
    if not expr.free_symbols <= env.keys():
        raise LookupError(name)
    found: Proxy = sympy_interp(PythonReferenceAnalysis, env, expr)
    return found.node


def _open(inputs: Iterable[Node]) -> Iterator[tuple[Node, int, Any]]:
    """Yield the open sizes of what a graph takes: of which node, and which axis."""
    for node in inputs:
        value = node.meta.get("val")
        for axis, size in enumerate(value.shape if isinstance(value, Tensor) else ()):
            if isinstance(_name(size), str):
                yield node, axis, size


def _ask(graph: Graph, node: Node, axis: int, size: Any) -> Node:
    found = graph.call_function(torch.ops.aten.sym_size.int, (node, axis))
    found.meta["val"] = size
    return found


class _Scalars(GraphAppendingTracer):
    """What adds calls of numbers to a graph, with the symbols that these give."""

    def create_node(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any) -> Node:
        """Add one."""
        node = super().create_node(kind, target, args, kwargs, *rest)
        given, named = map_arg((args, kwargs), lambda one: one.meta["val"])
        node.meta["val"] = target(*given, **named)
        return node
