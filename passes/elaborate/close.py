"""The end of a body: its instructions and slots become a block."""

from revc.grammar.span import Span
from revc.ir.instructions import Instruction
from revc.ir.program import Block, Register
from revc.passes.analysis.named_dims import names_in
from revc.passes.elaborate.bodies import Body
from revc.passes.elaborate.scope.scope import Scope


def close(
    scope: Scope,
    name: str,
    span: Span,
    takes: tuple[Register, ...],
    gives: tuple[Register, ...],
    givens: tuple[Register, ...],
    steps: list[Instruction],
) -> Body:
    """Return the block of a body that has been read to its end."""
    nets, links, where = scope.slots.freeze()
    if len(where) < len(scope.slots.drafts):
        steps = [step.renumbered(where) for step in steps]
    used = frozenset[str]().union(*(names_in(step) for step in steps)) if scope.turns else ()
    block = Block(
        span=span, name=name, takes=takes, gives=gives, givens=givens, nets=nets,
        turns=tuple(turn for turn in scope.turns if turn in used), body=tuple(steps),
    )  # fmt: skip
    scope.elaboration.depths[id(block)] = _depth(scope, steps)
    return Body(block, links, tuple(scope.emitted))


def _depth(scope: Scope, steps: list[Instruction]) -> int:
    """Return how deep a body nests, itself counted."""
    inner = [block for step in steps for block in step.inner()]
    return 1 + max((scope.elaboration.depths[id(block)] for block in inner), default=0)
