"""B205: a factor that may be 0."""

from math import inf

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B205",
    "scale-may-vanish",
    "deny",
    Page(
        what="`scale` has no range, or one that does not lie above 0.",
        why="Scaling by 0 maps every value to 0. A factor is clamped to its range and then "
        "rounded to n/1024 with n at least 1, so the range says what may be lost: log2(1/lo) "
        "bits an element.",
        bad="""
use std.nets: gate
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  scale a by sigmoid(gate(b)) in [0, 1] as fa
}
budget put(M.fa) <= 80 bits/example
""",
        good="""
use std.nets: gate
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  scale a by sigmoid(gate(b)) in [1/64, 1] as fa
}
budget put(M.fa) <= 80 bits/example
""",
        source="Maclaurin, Duvenaud, Adams, Gradient-based Hyperparameter Optimization through "
        "Reversible Learning (2015), section 3",
    ),
)


def may_vanish(lo: float, hi: float, span: Span) -> Diagnostic | None:
    """Return the finding if a factor between `lo` and `hi` may be 0, or anything."""
    if lo > 0 and hi < inf:
        return None
    return RULE.at(span, f"the factor may be 0: {known(lo, hi)}")


def known(lo: float, hi: float) -> str:
    """Say what is known of a factor that may be 0."""
    return f"it is only known to lie in [{lo:g}, {hi:g}]; say in [lo, hi] with lo above 0"
