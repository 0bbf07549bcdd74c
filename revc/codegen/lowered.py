"""Graphs as modules: an fx graph that becomes Python code once, when it is first run or read."""

import threading
from collections.abc import Mapping
from typing import Any, Self

from torch import nn
from torch.fx import Graph, GraphModule

_making = threading.RLock()


class Lowered(GraphModule):
    """A graph with the modules that it calls.

    `GraphModule` makes code of a graph as it is made, and of all modules in it again: most of the
    time that a program of many blocks takes to compile. Users see no difference.
    """

    def __init__(self, modules: Mapping[str, nn.Module], graph: Graph, name: str) -> None:
        nn.Module.__init__(self)
        type(self).__name__ = name
        called = {node.target for node in graph.nodes if node.op == "call_module"}
        for wish, module in modules.items():
            if wish in called:
                self.add_module(wish, module)
        self.meta: dict[str, Any] = {}
        self._tracer_cls, self._tracer_extras, self.shape_env = None, {}, None
        for hooks in ("replace", "create_node", "erase_node", "deepcopy"):
            setattr(self, f"_{hooks}_hooks", [])
        self._graph = graph
        graph.owning_module = self

    def forward(self, *args: Any) -> Any:
        """Make the code, which takes the place of this method, and run it."""
        return self.coded().forward(*args)

    def _recompile_submodules(self) -> list[Any]:
        return []  # they have code of their own

    def coded(self) -> Self:
        """Make the code, if there is none yet; return the module."""
        with _making:  # torch notes on the nodes how it calls them while it writes
            if "_code" not in self.__dict__:
                self.recompile()
        return self

    @property
    def code(self) -> str:
        """The Python code of the graph."""
        return super(Lowered, self.coded()).code

    def __str__(self) -> str:
        return super(Lowered, self.coded()).__str__()

    def __reduce__(self) -> tuple[Any, ...]:
        return super(Lowered, self.coded()).__reduce__()


def coded(graph: nn.Module) -> nn.Module:
    """Make the code of a graph and of all that it calls, as a tracer needs; return the graph."""
    for part in graph.modules():
        if isinstance(part, Lowered):
            part.coded()
    return graph


GRAPH_NAMES = frozenset(dir(Lowered)) | {"meta", "training", "shape_env"}
"""What a graph has already: no module in it can have such a name."""
