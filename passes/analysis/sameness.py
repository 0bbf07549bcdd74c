"""When two statements are one bijection, and when one is the other's inverse: by keys.

A key leaves out what does not matter to what a statement computes: its place, its direction where
that is told apart, and for loops the names that nets and bodies have.
"""

from collections.abc import Hashable
from typing import Any

from revc.ir.instructions import BlockCall, Instruction, Repeat
from revc.ir.keys import code_key, key
from revc.ir.memo import per_node
from revc.ir.program import Block

Keys = tuple[Hashable, Hashable]


def step_keys(step: Instruction) -> Keys:
    """Return the keys of a statement and of its inverse, what both read aside."""
    undo = bool(getattr(step, "undo", False))
    if isinstance(step, BlockCall):
        what: Hashable = ("call", key(step.block), step.nets)
    else:
        update: dict[str, Any] = {"undo": False} if hasattr(step, "undo") else {}
        what = step.kind, key(step.replace(**update))
    return (what, undo), (what, not undo)


def loop_keys(step: Repeat) -> Keys:
    """Return the keys of a loop and of the loop that undoes it, what both read aside."""
    rest = str(step.count), step.index, step.nets
    there, back = code_key(_anonymous(step.body)), code_key(_anonymous(step.body.inverse()))
    return ("loop", there, step.reversed, *rest), ("loop", back, not step.reversed, *rest)


@per_node
def _anonymous(block: Block) -> Block:
    """Return a block without the names of what is in it: of loops, calls and nets."""
    nets = tuple(slot.replace(name="") for slot in block.nets)
    body = tuple(_unnamed(step) for step in block.body)
    return block.replace(name="", nets=nets, body=body)


def _unnamed(step: Instruction) -> Instruction:
    if isinstance(step, Repeat):
        return step.replace(label="", body=_anonymous(step.body))
    return step.replace(label="") if isinstance(step, BlockCall) else step
