"""The types of a block's registers around each of its statements."""

from revc.ir.instructions import Env, Instruction
from revc.ir.program import Block


def typed(block: Block) -> list[tuple[Instruction, Env, Env]]:
    """Return the instructions with the types of the live registers before and after each."""
    env: Env = {register.name: register.type for register in block.takes}
    result = []
    for step in block.body:
        before = dict(env)
        step.step(env)
        result.append((step, before, dict(env)))
    return result
