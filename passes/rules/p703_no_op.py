"""P703: a statement that undoes the one before it."""

from collections.abc import Collection, Iterator
from itertools import pairwise

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.instructions import Instruction, Negate, Permute, Squeeze, Swap
from revc.ir.keys import key
from revc.ir.program import Block
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "P703",
    "no-op",
    "warn",
    Page(
        what="A `swap`, `negate`, `permute` or `squeeze` undoes the statement just before it.",
        why="Both together do nothing but cost time: one of them was meant to stand elsewhere, or "
        "to name other registers.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)
  swap a, b
  swap a, b
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)
  swap a, b
}
""",
        source="Bennett, Logical Reversibility of Computation (1973): inverse steps cancel",
    ),
)

_MOVES = Swap | Negate | Permute | Squeeze


def check(block: Block, _checked: Collection[Span]) -> Iterator[Diagnostic]:
    """Yield a finding for each statement of a block, or a loop of it, that undoes the last."""
    loops = (one for step in block.own() if not step.called() for one in step.inner())
    for body in (block.body, *(loop.body for loop in loops)):
        undone: Instruction | None = None
        for first, second in pairwise(body):
            if first is not undone and _cancel(first, second):
                undone = second
                text = f"this undoes line {first.span.line}: together they do nothing"
                yield RULE.at(second.span, text, help="take both out, or say what was meant")


def _cancel(first: Instruction, second: Instruction) -> bool:
    if isinstance(first, Swap) and isinstance(second, Swap):
        return {first.left, first.right} == {second.left, second.right}
    both = isinstance(first, _MOVES) and isinstance(second, _MOVES)
    return both and key(first.inverse()) == key(second)
