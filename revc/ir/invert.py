"""The inverse of a block: its instructions inverted, in reverse.

A `let` is no step but the start of a stretch; run backwards, it stands in front of the last of its
uses, where nothing that it reads has changed (rule L109).
"""

from revc.ir.instructions import Instruction, Let
from revc.ir.memo import per_node
from revc.ir.program import Block


@per_node
def invert_block(block: Block) -> Block:
    """Return the block that undoes `block`: takes what it gives and gives what it takes."""
    body = invert_body(block.body)
    return block.model_copy(update={"takes": block.gives, "gives": block.takes, "body": body})


def invert_body(body: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """Return the inverse instructions in reverse, every `let` in front of its first use."""
    pending = {step.name: step for step in body if isinstance(step, Let)}
    result: list[Instruction] = []

    def demand(names: tuple[str, ...]) -> None:
        for name in names:
            if let := pending.pop(name, None):
                demand(let.names_read())
                result.append(let)

    for step in reversed(body):
        if isinstance(step, Let):
            demand((step.name,))
            continue
        demand(step.names_read())
        result.append(step.inverse())
    return tuple(result)
