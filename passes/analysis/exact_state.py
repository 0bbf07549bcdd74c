"""Which exact state a block changes: lattices and labels, that float state must not reach."""

from revc.ir.instructions import Alloc
from revc.ir.instructions.metered import Coded
from revc.ir.program import Block
from revc.ir.types import Float, Numerics, RegType


def exact_state(block: Block) -> Numerics | None:
    """Return the numerics of a lattice or label that a block takes, makes or moves, if it has any.

    Masks of dropout do not count: no read decides on them.
    """
    for inner in block.walk():
        for register in (*inner.takes, *inner.gives):
            if not _is_float(register.type):
                return register.type.numerics
        for step in inner.body:
            made = isinstance(step, Alloc) or (isinstance(step, Coded) and bool(step.by.params))
            if made and isinstance(step, Alloc | Coded) and not _is_float(step.type):
                return step.type.numerics
    return None


def _is_float(kind: RegType) -> bool:
    return isinstance(kind.numerics, Float)
