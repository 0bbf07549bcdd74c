"""The order in which a graph that pulls back runs: of a few, the one that holds the least."""

from collections.abc import Iterable, Sequence

from torch.fx import Node

from revc.runtime.nets.capture.memory import Order, storages
from revc.runtime.nets.capture.peak import peak


def least(
    nodes: Sequence[Node],
    ends: Sequence[Node],
    given: Sequence[Node],
    kept: Sequence[Node],
    again: frozenset[Node],
) -> tuple[int, list[Node]]:
    """Return the nodes in an order that respects what depends on what, and the bytes at its peak.

    `ends` is what the graph returns, `kept` what it takes and lets go, `given` what belongs to the
    caller; nodes of `again` are made anew, best right before their use. Autograd's own order pulls
    through weights before it makes their gradients, and so holds what those read beside the
    cotangent of it: gradients that nothing else reads come first here, where that is less.
    """
    order = Order(nodes)
    own = dict.fromkeys(node for node in ends if node in order.before)
    found = [_Late(nodes, order, again).run(first) for first in ((), own)]
    return min(((peak(one, ends, given, kept), one) for one in found), key=lambda pair: pair[0])


class _Late:
    """Nodes in their own order, but what is made again as late as it can be."""

    def __init__(self, nodes: Sequence[Node], order: Order, again: frozenset[Node]) -> None:
        self.nodes, self.order, self.again = nodes, order, again
        self.place = {node: index for index, node in enumerate(nodes)}
        self.done: dict[Node, None] = {}

    def run(self, first: Iterable[Node]) -> list[Node]:
        """Return the order in which `first` come as soon as what they share is there."""
        waiting = {node: self._own(node) for node in first}
        for node in self.nodes:
            for end in [one for one, own in waiting.items() if self._is_free(one, own)]:
                self._do(end)
                del waiting[end]
            if node not in self.again:
                self._do(node)
        return list(self.done)

    def _do(self, node: Node) -> None:
        for one in sorted(self.order.before[node] - self.done.keys(), key=self.place.__getitem__):
            self._do(one)
        self.done.setdefault(node)

    def _own(self, end: Node) -> set[Node]:
        """Return the nodes that nothing else needs than `end`."""
        own = {end}
        for node in reversed(self.nodes[: self.place[end]]):
            readers = {user for user in node.users if user in self.place or user.op == "output"}
            if readers and readers <= own:
                own.add(node)
        return own

    def _is_free(self, end: Node, own: set[Node]) -> bool:
        """Say whether all that `end` needs is done, is its own, or costs nothing."""
        return all(
            one in self.done
            or ((one in own or one in self.again or not _takes(one)) and self._is_free(one, own))
            for one in self.order.before[end]
        )


def _takes(node: Node) -> bool:
    """Say whether a node's value needs memory of its own."""
    below = {key for one in node.all_input_nodes for key, _ in storages(one)}
    return any(key not in below for key, _ in storages(node))
