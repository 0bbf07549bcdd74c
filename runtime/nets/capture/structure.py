"""What a graph computes, as a key: two graphs of one key give the same of the same tensors."""

from collections.abc import Hashable
from typing import Any

from torch.fx import Graph, Node
from torch.fx.node import map_arg

from revc.runtime.nets.capture.memory import tensors
from revc.runtime.open_sizes import named


def structure(graph: Graph) -> Hashable | None:
    """Return the key of a graph, None where it holds tensors or modules of its own.

    Nodes count by their places, so that names do not; inputs by their shapes, strides, dtypes and
    devices.
    """
    places: dict[Node, str] = {}
    found: list[Hashable] = []
    for index, node in enumerate(graph.nodes):
        if node.op in ("get_attr", "call_module"):
            return None
        places[node] = f"%{index}"
        called = node.target if node.op == "call_function" else node.op
        found.append((called, *arguments(node, places), *_form(node)))
    return tuple(found)


def arguments(node: Node, places: dict[Node, str]) -> tuple[str, str]:
    """Return what a call is given, nodes as their places."""
    args: Any = map_arg((node.args, node.kwargs), lambda one: _Name(places[one]))
    return repr(args[0]), repr(args[1])


class _Name(str):
    """A node in an argument, which no string of the graph's own looks like."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _form(node: Node) -> tuple[Hashable, ...]:
    if node.op != "placeholder":
        return ()
    return tuple((named(x.shape), named(x.stride()), x.dtype, x.device) for x in tensors(node))
