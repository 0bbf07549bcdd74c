"""L107: a `free` whose value is not certain."""

from collections.abc import Collection, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.expr import Expr, Number
from revc.ir.program import Block
from revc.passes.analysis.free_proof import has_unproved, unproved_frees
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L107",
    "unproved-free",
    "deny",
    Page(
        what="`free y = e` where it does not follow from the statements before that y holds e.",
        why="What is freed is gone, so it must be known. Lint follows what each register holds: an "
        "update and its opposite cancel, and so do a call and its `uncall`. A `free` that is right "
        "for another reason is checked as it runs: write `undo alloc y: T = e` for one that undoes "
        "an earlier program's `alloc`, or allow the finding and say why.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  alloc t: [B, c] = 0
  t += tanh(a)
  b += t
  free t = 0
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  alloc t: [B, c] = 0
  t += tanh(a)
  b += t
  t -= tanh(a)
  free t = 0
}
""",
        source="Bennett, Logical Reversibility of Computation (1973): compute, copy, uncompute",
    ),
    waivable=True,
)


def check(block: Block, checked: Collection[Span]) -> Iterator[Diagnostic]:
    """Yield a finding for each uncertain `free` of a block and of those that it calls.

    `checked` are the places of `undo alloc`, whose value is checked as it runs instead. A finding
    has inputs for which the claim is wrong, where some were found.
    """
    for inner in block.walk() if has_unproved(block) else ():
        for free in unproved_frees(inner):
            step = free.step
            if step.span not in checked:
                found = f"; witness: {free.witness}" if free.witness else ""
                text = f"`{step.name}` is not provably {_claim(step.value)}{found}"
                yield RULE.at(step.span, text, witness=free.witness)


def _claim(value: Expr) -> str:
    fixed = value.value if isinstance(value, Number) else None
    return f"{fixed:g}" if isinstance(fixed, float) else "equal to its value"
