"""Reverse-mode differentiation while emitting: every operation goes to the graph beside its VJP.

A `Tape` appends ATen calls to an fx graph and notes, for each differentiable result, how a
cotangent is pulled back. `pullback` then emits the VJP into the same graph. Nothing is traced and
no shape is needed, so one graph serves every batch size, dtype and device.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from revc.runtime import cotangents

aten = torch.ops.aten
Cotangents = Iterable[tuple[Node, Node]]
Vjp = Callable[[Node], Cotangents]


@dataclass(frozen=True)
class _Entry:
    out: Node
    vjp: Vjp


def append(
    graph: Graph,
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
) -> Node:
    """Append a call to a graph.

    The arguments are set afterwards: those that a node is made with torch searches for sizes that
    it traces, which there are none of here, and which takes as long as all the rest.
    """
    node = graph.create_node("call_function", target, name=_wish(target))
    node.args = args
    if kwargs:
        node.kwargs = kwargs
    return node


def copied(graph: Graph, node: Node, at: Callable[[Node], Node]) -> Node:
    """Append a copy of a call of another graph, its arguments replaced by ``at(argument)``."""
    copy = graph.create_node("call_function", node.target, name=node.name)
    copy.args = map_arg(node.args, at)
    if node.kwargs:
        copy.kwargs = map_arg(node.kwargs, at)
    copy.meta = {**node.meta}
    return copy


@cache
def _wish(target: Callable[..., Any]) -> str:
    """Return what a call's result is called, as torch would: ``sum_dim_int_list``."""
    return re.sub("(?<=[a-z])([A-Z])", r"_\1", target.__name__).lower()


@dataclass
class Tape:
    """Emits into `graph`.

    `dtype` and `low` are its nodes for the nets' dtype and that of matmuls. The two differ
    under autocast only, where `lower` and `higher` cast between them explicitly.
    """

    graph: Graph
    dtype: Node
    low: Node
    pulling: bool = False
    active: set[Node] = field(default_factory=set)
    whole: set[Node] = field(default_factory=set)
    entries: list[_Entry] = field(default_factory=list)

    def call(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Node:
        """Append a call."""
        node = append(self.graph, target, args, kwargs)
        node.meta["pulling"] = self.pulling
        return node

    def same(self, target: Callable[..., Any], *args: Any) -> Node:
        """Append an elementwise call whose tensor operands and result share one shape and dtype."""
        node = self.call(target, *args)
        node.meta["same"] = True
        return node

    def item(self, node: Node, index: int) -> Node:
        """Append the choice of one of several results."""
        return self.call(operator.getitem, node, index)

    def watch(self, *nodes: Node) -> None:
        """Name leaves that cotangents are wanted for."""
        self.active.update(nodes)

    def watch_whole(self, net: Node) -> None:
        """Name a brought net as a leaf: its cotangent is a tuple, of those of its parameters."""
        self.active.add(net)
        self.whole.add(net)

    def record(self, out: Node, inputs: Iterable[Any], vjp: Vjp) -> Node:
        """Note how `out` pulls a cotangent back, if one of `inputs` wants it; return `out`."""
        if any(isinstance(node, Node) and node in self.active for node in inputs):
            self.active.add(out)
            self.entries.append(_Entry(out, vjp))
        return out

    def pullback(self, out: Node, cotangent: Node) -> dict[Node, Node]:
        """Emit the VJP of `out`; return the cotangents of the watched leaves that it reaches."""
        self.pulling = True
        found: dict[Node, Node] = {out: cotangent}
        for entry in reversed(self.entries):
            if entry.out not in found:
                continue
            for node, part in entry.vjp(found.pop(entry.out)):
                if node in self.active:
                    known = found.get(node)
                    found[node] = part if known is None else self._sum(node, known, part)
        self.pulling = False
        return found

    def _sum(self, node: Node, known: Node, part: Node) -> Node:
        """Return the sum of two cotangents of a node."""
        if node in self.whole:
            return self.call(cotangents.add, known, part)
        return self.same(aten.add.Tensor, known, part)

    def wants(self, node: Any) -> bool:
        """Say whether a cotangent of `node` is wanted."""
        return isinstance(node, Node) and node in self.active

    def lower(self, x: Node) -> Node:
        """Cast to the matmuls' dtype: nothing but under autocast."""
        return self._cast(x, self.low, self.dtype)

    def higher(self, x: Node) -> Node:
        """Cast to the nets' dtype, where autocast keeps full precision (norms, losses)."""
        return self._cast(x, self.dtype, self.low)

    def _cast(self, x: Node, to: Node, back: Node) -> Node:
        out = self.cast(x, to)
        if out is x:
            return x
        return self.record(out, (x,), lambda g: [(x, self.cast(g, back))])

    def cast(self, x: Node, to: Node) -> Node:
        """Append a cast, which returns `x` itself where it has that dtype; not differentiated."""
        if x.meta.get("dtype") is to:
            return x
        out = self.call(aten.to.dtype, x, to)
        out.meta["dtype"] = to
        return out
