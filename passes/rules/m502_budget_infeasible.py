"""M502: a bound below what a distribution must cost."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.program import Program
from revc.passes.analysis.budget_verdict import units_text, verdict, written
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.m504_unit_mismatch import misfits

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


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each budget of a model, its units being right, that cannot hold."""
    for budget in program.budgets:
        found = verdict(program.model, budget, program.budgets)
        if found.state == "impossible" and not any(misfits(program.model, budget)):
            least = f"{found.least:.4g} bits{units_text(budget)}"
            text = f"{written(budget)} is at least about {least}, whatever is learned"
            yield RULE.at(budget.span, text)
