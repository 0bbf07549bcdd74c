"""Resolved expressions: pure reads of state, givens and nets, each with its shape.

Composite nets, generics, block-level numbers and dims are gone: what is left is numbers, reads,
elementwise functions and calls of net *slots* (see `revc.ir.program`).
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from revc.ir.dims import Dim
from revc.ir.keys import Key, key
from revc.ir.memo import per_node
from revc.ir.types import Located, Shape

FUNCTIONS = (
    "tan", "sin", "cos", "exp", "log", "tanh", "sigmoid", "softplus", "relu", "gelu", "silu",
    "softsign", "sqrt", "abs",
)  # fmt: skip


class Slice(Located):
    """``lo:hi`` of one axis; a missing `hi` is the axis's end."""

    kind: Literal["slice"] = "slice"
    lo: Dim = Dim()
    hi: Dim | None = None


class At(Located):
    """One position of an axis, which is removed; may name a turn of an enclosing `repeat`."""

    kind: Literal["at"] = "at"
    position: Dim


AxisIndex = Slice | At


class Place(Located):
    """A register, given or let, or a slice of it: `index` has one entry an axis, or none at all."""

    name: str
    index: tuple[AxisIndex, ...] = ()


class Number(Located):
    """A number; `value` may still hold free dims and turn indices (``1/T``)."""

    kind: Literal["number"] = "number"
    value: float | Dim
    shape: Shape = ()


class Read(Located):
    """The value at a place; a lattice register reads as ``raw * 2**-n`` in the nets' dtype."""

    kind: Literal["read"] = "read"
    place: Place
    shape: Shape


class Elementwise(Located):
    """``function(args)``: one of `FUNCTIONS` or neg, add, sub, mul, div; broadcasts as NumPy."""

    kind: Literal["elementwise"] = "elementwise"
    function: str
    args: tuple["Expr", ...]
    shape: Shape


class NetCall(Located):
    """The value of net slot `slot` (an index into the block's slots) at `args`."""

    kind: Literal["net_call"] = "net_call"
    slot: int
    args: tuple["Expr", ...]
    shape: Shape


Expr = Number | Read | Elementwise | NetCall
_COMPOUND = (Elementwise, NetCall)


def renumber(expr: Expr, where: Mapping[int, int]) -> Expr:
    """Return `expr` with every slot that it calls replaced by ``where[slot]``."""
    if not isinstance(expr, _COMPOUND):
        return expr
    update: dict[str, object] = {"args": tuple([renumber(arg, where) for arg in expr.args])}
    if isinstance(expr, NetCall):
        update["slot"] = where[expr.slot]
    return expr.replace(**update)


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield `expr` and everything below it, arguments first."""
    if isinstance(expr, _COMPOUND):
        for arg in expr.args:
            yield from walk(arg)
    yield expr


def reads(expr: Expr) -> tuple[Read, ...]:
    """Return the reads of `expr` in order, each place once."""
    seen: dict[Key, Read] = {}
    for node in walk(expr):
        if isinstance(node, Read):
            seen.setdefault(key(node.place), node)
    return tuple(seen.values())


@per_node
def size(expr: Expr) -> int:
    """Return how many nodes `expr` has as a tree, in which shared parts count each time."""
    if isinstance(expr, _COMPOUND):
        return 1 + sum(size(arg) for arg in expr.args)
    return 1


def slots(expr: Expr) -> tuple[int, ...]:
    """Return the net slots that `expr` calls, in order, each once."""
    return tuple(dict.fromkeys(node.slot for node in walk(expr) if isinstance(node, NetCall)))
