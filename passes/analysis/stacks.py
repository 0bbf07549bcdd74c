"""Which stacks a statement exchanges bits with: the tape and reservoir, where it names no other."""

from revc.ir.instructions import Apply, Draw, Instruction, Mix, Valve
from revc.ir.instructions.metered import Coded, Metered
from revc.ir.memo import per_node
from revc.ir.program import Block

TAPE, RESERVOIR = "(tape)", "(reservoir)"


def touched(step: Instruction) -> tuple[str, ...]:
    """Return the names of the stacks that a statement, or one in what it runs, works on, sorted."""
    found = {name for block in step.inner() for name in _in(block)}
    if isinstance(step, Metered):
        found.add(step.stack or (RESERVOIR if isinstance(step, Draw) else TAPE))
        if isinstance(step, Valve):
            found.add(RESERVOIR)
    elif isinstance(step, Apply) or (isinstance(step, Mix) and step.family == "lu"):
        found.add(TAPE)  # the remainders of exact steps
    return tuple(sorted(found))


def loses(step: Instruction) -> bool:
    """Say whether a statement, or one in what it runs, drops residues: nothing brings them back."""
    if isinstance(step, Valve | Coded) and step.by.residue == "drop":
        return True
    return any(_loses(block) for block in step.inner())


@per_node
def _loses(block: Block) -> bool:
    """Say whether a statement of a block does."""
    return any(loses(step) for step in block.body)


@per_node
def _in(block: Block) -> frozenset[str]:
    """Return the stacks of all statements of a block."""
    return frozenset(name for step in block.body for name in touched(step))
