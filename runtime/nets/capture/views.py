"""Values of a graph that lie in another's memory, and the calls that show them there."""

import operator
from collections.abc import Container, Iterable

from torch._ops import OpOverload
from torch.fx import Node

from revc.runtime.nets.capture.memory import tensors


def chain(node: Node, ends: Container[Node]) -> list[Node]:
    """Return what makes a view of something in `ends`, from that on; nothing for other nodes."""
    links = [node]
    while links[0] not in ends:
        if not shows(links[0]):
            return []
        links.insert(0, links[0].all_input_nodes[0])
    return links if len(links) > 1 else []


def shows(node: Node) -> bool:
    """Say whether a call only shows what it reads: a view, or one of several."""
    if node.target is operator.getitem:
        return shows(node.all_input_nodes[0])
    return isinstance(node.target, OpOverload) and node.target.is_view


def of_one(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """Return the chains of those nodes that lie in one tensor with others of them, from it on."""
    groups: dict[Node, list[list[Node]]] = {}
    for node in nodes:
        links = [node]
        while shows(links[0]):
            links.insert(0, links[0].all_input_nodes[0])
        groups.setdefault(links[0], []).append(links)
    shared = [(base, group) for base, group in groups.items() if len(group) > 1]
    return {links[-1]: links for base, group in shared if _is_one(base) for links in group}


def _is_one(base: Node) -> bool:
    return len(tensors(base)) == 1
