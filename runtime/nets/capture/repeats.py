"""Whether a module computes the same once more: a graph has what it did when it was traced.

Its code may ask for the time, draw from a generator that no graph shows, or count its calls where
nobody looks. What it got then stands in the graph as a constant.
"""

from collections.abc import Hashable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.utils._python_dispatch import _disable_current_modes

from revc.runtime.nets.capture.structure import arguments
from revc.runtime.open_sizes import is_scalar


def repeats(first: GraphModule, again: GraphModule) -> bool:
    """Say whether a graph that pulls back, too, begins with what another computes.

    Calls of `first` whose results are only pulled back through may be missing in `again`, and
    sizes, which count by their expressions, may be worked out elsewhere.
    """
    places: dict[Node, str] = {}
    found: dict[Node, str] = {}
    calls = _calls(first, places)
    for node, wanted in _calls(again, found):
        place = next((places[one] for one, call in calls if call == wanted), None)
        if place is None:
            return False
        found[node] = place
    return _result(first, places) == _result(again, found)


def _calls(module: GraphModule, places: dict[Node, str]) -> Iterator[tuple[Node, Hashable]]:
    """Yield each node with what it does, sizes apart, and name it by its place."""
    for index, node in enumerate(module.graph.nodes):
        if is_scalar(node):
            places[node] = repr(node.meta["val"])
        elif node.op != "output":
            call = _call(module, node, places)
            places[node] = f"%{index}"
            yield node, call


def _call(module: GraphModule, node: Node, places: dict[Node, str]) -> Hashable:
    if node.op == "placeholder":
        return node.op
    if node.op == "get_attr":
        return node.op, _bits(getattr(module, str(node.target)))
    return node.target, *arguments(node, places)


def _bits(value: Any) -> Hashable:
    """Return the form and the numbers of a tensor that the code made of others than its own."""
    held = getattr(value, "constant", None)
    value = value if held is None else held
    if type(value) is not Tensor:
        return repr(value)
    with _disable_current_modes():
        raw = value.cpu().contiguous().view(-1).view(torch.uint8)
        return value.dtype, value.shape, raw.numpy().tobytes()


def _result(module: GraphModule, places: dict[Node, str]) -> str:
    results: Any = module.graph.output_node().args[0]
    return places[results[0]]
