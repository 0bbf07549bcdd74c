"""The types of a block's registers around each of its statements."""

from collections.abc import Iterator

from revc.ir.instructions import Env, Instruction
from revc.ir.program import Block, in_order

Typed = tuple[Instruction, Env, Env]


def typed_at_any_depth(block: Block) -> Iterator[Typed]:
    """Yield what `typed` returns of a block and of those in it, as `Block.instructions` does."""
    return in_order(block, typed, lambda one: one[0].inner())


def typed(block: Block) -> list[Typed]:
    """Return the instructions with the types of the live registers before and after each."""
    env: Env = {register.name: register.type for register in block.takes}
    result = []
    for step in block.body:
        before = dict(env)
        step.step(env)
        result.append((step, before, dict(env)))
    return result
