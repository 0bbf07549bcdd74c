"""Drop `let` values that nothing reads: they would be computed in every direction."""

from dataclasses import dataclass

from revc.ir.instructions import Instruction, Let
from revc.ir.program import Block, Program
from revc.passes.transform.rewrite import rewrite


@dataclass(frozen=True)
class DeadLets:
    """Drop every `let` that no later instruction reads."""

    name: str = "dead-lets"

    def run(self, program: Program) -> Program:
        """Return the program without them; net slots stay, so names of parameters do."""
        return rewrite(program, _block)


def _block(block: Block) -> Block:
    needed: set[str] = set()
    kept: list[Instruction] = []
    for step in reversed(block.body):
        if isinstance(step, Let) and step.name not in needed:
            continue
        needed.update(step.names_read())
        kept.append(step)
    if len(kept) == len(block.body):
        return block
    return block.replace(body=tuple(reversed(kept)))
