"""L107: a `free` whose value is not certain."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
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


def unproved(name: str, value: str, witness: str | None, span: Span) -> Diagnostic:
    """Return the finding, with inputs for which the claim is wrong where some were found."""
    found = f"; witness: {witness}" if witness else ""
    return RULE.at(span, f"`{name}` is not provably {value}{found}")
