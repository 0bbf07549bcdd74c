"""What lowering asks of expressions and places before it emits them."""

from typing import Any

from revc.ir.expr import Expr, Place, reads, slots
from revc.ir.keys import Key, key
from revc.ir.memo import per_node
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.ir.types import RegType


def brought_nets(value: Expr, block: Block) -> list[str]:
    """Return the names of the nets brought from Python that an expression calls."""
    called = (block.nets[slot] for slot in slots(value))
    return [slot.name for slot in called if not isinstance(slot.source, Builtin)]


@per_node
def brings_nets(block: Block) -> bool:
    """Say whether a block, or one in it, has nets brought from Python."""
    return any(not isinstance(slot.source, Builtin) for slot in block.nets)


def place_keys(value: Expr) -> dict[Key, Place]:
    """Return the places that an expression reads, each once, by key."""
    return {key(read.place): read.place for read in reads(value)}


def view_shape(kind: RegType, place: Place) -> tuple[Any, ...]:
    """Return the shape of a place of a register of type `kind`."""
    if not place.index:
        return kind.shape
    shape = []
    for dim, item in zip(kind.shape, place.index, strict=True):
        if item.kind == "slice":
            shape.append((dim if item.hi is None else item.hi) - item.lo)
    return tuple(shape)
