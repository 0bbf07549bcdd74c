"""Elementwise results written over an operand that dies with them: same kernels, fewer buffers."""

from collections.abc import Iterable, Sequence

import torch
from torch.fx import Graph, Node

from revc.runtime.nets.capture.memory import storages, tensors
from revc.runtime.nets.written_over import OUT
from revc.runtime.open_sizes import hint, named


class Reuse:
    """Which calls, in an order, write over an operand, and the memory that each storage is in.

    `ends` is what the graph returns. What lies in the memory of `given` stays as it is.
    """

    def __init__(self, order: Sequence[Node], ends: Iterable[Node], given: Iterable[Node]) -> None:
        self.over: dict[Node, Node] = {}
        self.last: dict[int, float] = {}
        self._home: dict[int, int] = {}
        self._fixed = {key for node in given for key, _ in storages(node)}
        for index, node in enumerate(order):
            for one in (node, *node.all_input_nodes):
                for key, _ in storages(one):
                    self.last[key] = index
        self.last.update((key, len(order)) for node in ends for key, _ in storages(node))
        for index, node in enumerate(order):
            if node.op == "call_function" and node.target in OUT:
                self._write_over(node, index)

    def home(self, key: int) -> int:
        """Return the storage whose memory one lies in: its own, as a rule."""
        while key in self._home:
            key = self._home[key]
        return key

    def copy(self, graph: Graph, node: Node, new: dict[Node, Node]) -> Node:
        """Add a node to a graph of which `new` maps the operands."""
        made = graph.node_copy(node, new.__getitem__)
        if node in self.over:
            made.target, keyword = OUT[node.target]  # type: ignore[index]
            made.kwargs = {**made.kwargs, keyword: new[self.over[node]]}
        return made

    def _write_over(self, node: Node, index: int) -> None:
        (made,) = tensors(node)
        homes = [self.home(key) for one in node.all_input_nodes for key, _ in storages(one)]
        for operand in filter(tensors, node.all_input_nodes):
            key = self.home(next(storages(operand))[0])
            dies = self.last[key] == index and key not in self._fixed
            if dies and homes.count(key) == 1 and _fits(operand, made):
                ((mine, _),) = storages(node)
                self.over[node] = operand
                self._home[mine] = key
                self.last[key] = self.last[mine]
                return


def _fits(operand: Node, made: torch.Tensor) -> bool:
    """Say whether a result may lie where a value is, which fills its storage."""
    (value,) = tensors(operand)
    return (
        named(value.shape) == named(made.shape)
        and named(value.stride()) == named(made.stride())
        and value.dtype == made.dtype
        and hint(value.numel()) * value.element_size() == hint(value.untyped_storage().nbytes())
    )
