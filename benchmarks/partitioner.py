"""A peer of compiled plans: plain autograd, compiled, with a budget for torch's own partitioner.

`torch._functorch.config.activation_memory_budget` is a share, from 1 (what the partitioner keeps by
itself) to 0 (inputs alone), and says nothing of peaks: so peaks are measured, and operations are
counted in the graphs that Inductor is about to compile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx

from benchmarks.arms import Arm
from revc.planning.flops import operations
from revc.planning.meter import trace


class Graphs:
    """The operations of the graphs that are compiled, those of nested ones as often as called."""

    def __init__(self) -> None:
        self._own: dict[int, int] = {}
        self._calls: dict[int, list[int]] = {}
        self._held: list[fx.GraphModule] = []

    def __call__(self, graph: fx.Graph) -> None:
        """Count a graph; Inductor calls this after its own passes."""
        owner = graph.owning_module
        if owner is None:
            raise RuntimeError("a graph of no module: its nested graphs are not known")
        self._held.append(owner)  # so that no other module gets its id
        self._own[id(owner)] = sum(map(_operations, graph.nodes))
        calls = [
            node for node in graph.nodes if node.target is torch.ops.higher_order.invoke_subgraph
        ]
        self._calls[id(owner)] = [id(getattr(owner, node.args[0].target)) for node in calls]

    @property
    def total(self) -> int:
        """The operations of all graphs that no other calls."""
        called = {one for calls in self._calls.values() for one in calls}
        return sum(self._total(one) for one in self._own if one not in called)

    def _total(self, one: int) -> int:
        return self._own[one] + sum(map(self._total, self._calls[one]))


def _operations(node: fx.Node) -> int:
    if not isinstance(node.target, torch._ops.OpOverload):
        return 0
    value = lambda one: one.meta["val"]  # noqa: E731
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
    return operations(node.target, args, kwargs, node.meta.get("val"))


@contextmanager
def counting() -> Iterator[Graphs]:
    """Count the operations of what is compiled meanwhile."""
    found = Graphs()
    with torch._inductor.config.patch(post_grad_custom_post_pass=found):
        yield found


def partitioned(arm: Arm, share: float, step: Any) -> tuple[int, int]:
    """Return the peak in bytes and the operations of an arm's compiled step under a budget.

    Args:
        arm: a network; it is left compiled.
        share: what the partitioner may keep, of what it would.
        step: runs a step of the arm.
    """
    torch._dynamo.reset()
    with torch._functorch.config.patch(activation_memory_budget=share), counting() as graphs:
        arm.compile()
        for _ in range(2):  # the first allocates gradients that later ones find
            step(arm)
        return trace(lambda: step(arm)).peak, graphs.total
