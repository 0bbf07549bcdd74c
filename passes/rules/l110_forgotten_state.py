"""L110: `forget`, behind which a program cannot be run backwards."""

from collections.abc import Collection, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.instructions import Forget
from revc.ir.program import Block
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L110",
    "forgotten-state",
    "warn",
    Page(
        what="A `forget` statement: a register ends, whatever it holds.",
        why="Nothing says what it held, so reversibility ends there: `inverse` and `revc invert` "
        "refuse, no codec can be made of it, and training keeps a copy of what is forgotten from "
        "the forward pass to the backward pass. That is what a stem with strides or a pooling head "
        "needs; say so with `# revc: allow(L110) reason = ..`. `put` writes to a tape instead.",
        bad="""
use std.nets: linear
dim B
state lattice(Q12.20)
model M(x: [B, 8]) -> (y: [B, 2]) {
  alloc y: [B, 2] = linear(x, out = 2)
  forget x
}
""",
        good="""
use std.nets: linear
dim B
state lattice(Q12.20)
model M(x: [B, 8]) -> (x: [B, 8], y: [B, 2]) {
  alloc y: [B, 2] = linear(x, out = 2)
}
""",
        source="docs/language.md, where reversibility ends",
    ),
)


def check(block: Block, _checked: Collection[Span]) -> Iterator[Diagnostic]:
    """Yield a finding for each register that a block, or a loop of it, forgets."""
    for step in block.own():
        if isinstance(step, Forget):
            text = f"reversibility ends here: what `{step.name}` holds is dropped"
            yield RULE.at(step.span, text)
