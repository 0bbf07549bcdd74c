"""Drop `let` values that nothing reads: they would be computed in every direction."""

from dataclasses import dataclass

from revc.ir.expr import Read, walk
from revc.ir.instructions import BlockCall, Instruction, Let, Repeat
from revc.ir.program import Block, Program
from revc.passes.rewrite import rewrite


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
        needed |= _read(step)
        kept.append(step)
    if len(kept) == len(block.body):
        return block
    return block.model_copy(update={"body": tuple(reversed(kept))})


def _read(step: Instruction) -> set[str]:
    names = {n.place.name for v in step.values() for n in walk(v) if isinstance(n, Read)}
    if isinstance(step, BlockCall):
        names |= {place.name for place in step.givens}
    if isinstance(step, Repeat):
        names |= set(step.givens)
    return names
