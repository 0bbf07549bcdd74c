"""M502: a bound below what a distribution must cost."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M502",
    "budget-infeasible",
    "deny",
    Page(
        what="A budget bounds less than its meters spend whatever the nets say. Under net that is "
        "for what no token bucket keeps: a `put` or `draw` of its own, a `scale`.",
        why="A logistic's scale is at least half a step, so a symbol costs at least 1.1 bits; raw "
        "residues and uniform labels cost what they cost. A bound below that cannot hold.",
        bad="""
use std.nets: linear
dim B, T, c = 160
state lattice(Q12.20)
model M(a, b: [B, T, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
budget put(M.va) <= 100 bits/token
""",
        good="""
use std.nets: linear
dim B, T, c = 160
state lattice(Q12.20)
model M(a, b: [B, T, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
budget put(M.va) <= 800 bits/token
""",
        source="docs/metered.md, budgets",
    ),
)


def infeasible(what: str, least: float, units: str, span: Span) -> Diagnostic:
    """Return the finding for a budget on `what`, which spends at least `least`."""
    return RULE.at(span, f"{what} is at least about {least:.4g} bits{units}, whatever is learned")
