"""Which dims and turns an instruction names."""

from revc.ir.dims import Dim
from revc.ir.instructions import Instruction
from revc.ir.program import Block
from revc.ir.types import IRNode


def names_in(step: Instruction) -> frozenset[str]:
    """Return the dims and turns that an instruction names, blocks' own turns included."""
    names = {name for inner in step.inner() for name in inner.turns} - {step.turn()}
    rest: list[object] = [step]
    while rest:
        node = rest.pop()
        if isinstance(node, Dim):
            names |= node.names
        elif type(node) is tuple:  # a place is one too, of another type
            rest += node
        elif isinstance(node, IRNode) and not isinstance(node, Block):
            rest += node.__dict__.values()
    return frozenset(names)
