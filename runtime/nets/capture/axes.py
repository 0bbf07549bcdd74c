"""Which axis of each value of a graph counts the examples, and which operators keep examples apart.

A value has one of four forms: `Along(d, n, r)`, whose axis d counts n * B * r rows, n times r for
each of B examples, row by row made of that example alone; `SAME`, which examples have no part in;
`EVEN`, which is the same along every axis besides (zeros; noise too, whose rows are alike in law);
or a tuple of such. An operator that is not known, or mixes rows, has none: `Mixed` is raised.
"""

from typing import Any, NamedTuple

from torch import Tensor
from torch.fx import Node


class Mixed(Exception):
    """An operator mixes examples, or may."""


class Along(NamedTuple):
    """A value whose axis counts the examples, `times` over, with `rows` to each every time."""

    axis: int
    times: int = 1
    rows: int = 1


SAME, EVEN = "same", "even"
Form = Any
"""An `Along`, SAME, EVEN, or a tuple of forms."""


class Call:
    """An operator's call: its node, the forms of what it reads, and the number of examples."""

    def __init__(self, node: Node, forms: dict[Node, Form], examples: int) -> None:
        self.node, self.forms, self.examples = node, forms, examples

    def arg(self, index: int, name: str = "", default: Any = None) -> Any:
        """Return an argument by its place, or by name."""
        if index < len(self.node.args):
            return self.node.args[index]
        return self.node.kwargs.get(name, default)

    def form(self, value: Any) -> Form:
        """Return the form of an argument; numbers are EVEN."""
        return self.forms[value] if isinstance(value, Node) else EVEN

    @property
    def along(self) -> Along:
        """The form of the first argument, which must count examples."""
        form = self.form(self.node.args[0])
        if not isinstance(form, Along):
            raise Mixed
        return form

    def check_even(self, value: Any, axis: int) -> None:
        """Check that what is no `Along` is the same along an axis, counted from behind."""
        if not isinstance(value, Node) or self.form(value) == EVEN:
            return
        held: Tensor = value.meta["val"]
        if held.dim() >= -axis and held.shape[axis] != 1 and held.stride(axis) != 0:
            raise Mixed


def shape_of(node: Any) -> tuple[int, ...]:
    """Return the shape of a node's tensor, or of the first of several."""
    value = node.meta["val"]
    return tuple((value if isinstance(value, Tensor) else value[0]).shape)


def listed(value: Any) -> list[int]:
    """Return axes as a list."""
    return [value] if isinstance(value, int) else list(value or ())
