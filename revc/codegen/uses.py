"""How often the nets of a block are used: the gradients of what is used once are whole at once."""

from collections import Counter
from collections.abc import Sequence

from revc.ir.memo import per_node
from revc.ir.nets import Builtin
from revc.ir.program import Block


@per_node
def used_once(block: Block) -> frozenset[int]:
    """Return the slots of built-in nets that one statement of a block uses, and nobody borrows."""
    counts: Counter[int] = Counter()
    for step in block.body:
        counts.update(step.slots())
    for slot in block.nets:
        if isinstance(slot.source, Builtin) and slot.source.tied is not None:
            counts[slot.source.tied] += 1
    own = (slot for slot, count in counts.items() if count == 1)
    return frozenset(slot for slot in own if isinstance(block.nets[slot].source, Builtin))


def is_alone(block: Block, slot: int, rows: Sequence[Sequence[int]], shared: bool = False) -> bool:
    """Say whether a callee's pull has all gradients of a slot.

    `rows` are the slots that each call gives it, of one statement; it is `shared` if there are more
    calls than rows.
    """
    count = sum(list(row).count(slot) for row in rows)
    return slot in used_once(block) and count == 1 and not shared
