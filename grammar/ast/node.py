"""The root of all syntax nodes, and what is asked of any of them."""

from collections.abc import Iterable, Iterator
from typing import Any

from revc.grammar.record import Record
from revc.grammar.span import Span


class Node(Record):
    """Root of all syntax nodes.

    `origin` is there where an editor's lines were moved: what this node is a copy of, and how many
    lines it stands below it.
    """

    __slots__ = ("origin",)

    span: Span

    def same(self, other: "Node") -> bool:
        """Say whether both nodes mean the same, wherever they stand."""
        pairs: list[tuple[Any, Any]] = [(self, other)]
        while pairs:
            one, two = pairs.pop()
            if type(one) is not type(two):
                return False
            if isinstance(one, tuple):
                if len(one) != len(two):
                    return False
                pairs += zip(one, two, strict=True)
            elif isinstance(one, Node):
                pairs += [(getattr(one, name), getattr(two, name)) for name in one.contents]
            elif one != two:
                return False
        return True


def walk(node: Any) -> Iterator[Node]:
    """Yield every `Node` below and including `node`, parents first, in the order of the source."""
    rest = [node]
    while rest:
        here = rest.pop()
        if isinstance(here, Node):
            yield here
            inner: Iterable[Any] = here.__dict__.values()
        else:
            inner = here if isinstance(here, tuple) else ()
        # A place is a tuple too, of another type.
        rest += [one for one in inner if type(one) is tuple or isinstance(one, Node)][::-1]
