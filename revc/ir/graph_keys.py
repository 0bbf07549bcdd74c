"""What a block's graph depends on, where it runs as it is: less than what a compiler depends on.

Graphs take parameters as inputs, so most settings of nets say how parameters are made and nothing
of how they are used: blocks that differ in a width alone share their graphs. A compiler makes other
kernels for other shapes; what it compiles is told apart by `keys.code_key`.
"""

from typing import TYPE_CHECKING

from revc.ir.instructions.base import Instruction
from revc.ir.keys import Key, digest, key, nameless
from revc.ir.memo import per_node
from revc.ir.net_kinds import net_code
from revc.ir.nets import Builtin, NetSlot
from revc.ir.program import Block
from revc.ir.types import IRNode

if TYPE_CHECKING:
    from collections.abc import Hashable


@per_node
def graph_key(block: Block) -> Key:
    """Return the key of a block's graphs.

    Left out are its name, those of its slots, and of its built-in nets all but their `net_code`.
    """
    return digest(block, ("name", "nets"), *map(slot_key, block.nets), of=_inside)


def slot_key(slot: NetSlot) -> "Hashable":
    """Return what of a slot the code of the calls of its net depends on."""
    return net_code(slot) if isinstance(slot.source, Builtin) else nameless(slot)


@per_node
def _inside(node: IRNode) -> Key:
    """Return the key of what is in a block.

    Inner blocks count by their graphs, and by their names, which comments tell.
    """
    if isinstance(node, Block):
        return digest(node, ("nets",), *map(slot_key, node.nets), of=_inside)
    if isinstance(node, Instruction) and node.inner():
        return digest(node, (), of=_inside)
    return key(node)
