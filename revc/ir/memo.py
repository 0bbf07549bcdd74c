"""What is found out about a node is kept on the node: nodes never change."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from revc.ir.types import IRNode

Node = TypeVar("Node", bound=IRNode)
Fact = TypeVar("Fact")


def per_node(find: Callable[[Node], Fact]) -> Callable[[Node], Fact]:
    """Return `find` such that it runs once a node; the answer lives as long as the node does.

    Copies and pickles of a node start without answers, so one can never be out of date.
    """

    @wraps(find)
    def found(node: Node) -> Fact:
        facts = getattr(node, "_facts", None)
        if facts is None:
            facts = {}
            object.__setattr__(node, "_facts", facts)
        if found not in facts:
            facts[found] = find(node)
        known: Fact = facts[found]
        return known

    return found
