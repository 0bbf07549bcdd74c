"""M504: a budget a unit that its meters do not have."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.instructions import Valve
from revc.ir.program import Block, Budget, Program
from revc.passes.analysis.budget_verdict import targeted
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M504",
    "unit-mismatch",
    "deny",
    Page(
        what="A budget in bits/step whose meter stands in no `repeat .. as`, or in bits/valve "
        "whose meter is no valve.",
        why="A step is a turn of the innermost loop that names its turns. Without one there is "
        "nothing to count, and the bound would mean something else than it says.",
        bad="""
use std.nets: gate
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  scale a by sigmoid(gate(b)) in [1/64, 1] as fa
}
budget put(M.fa) <= 48 bits/step
""",
        good="""
use std.nets: gate
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  repeat 4 as t {
    scale a by sigmoid(gate(b)) in [1/64, 1] as fa
    b += tanh(a)
  }
}
budget put(M.fa) <= 48 bits/step
""",
        source="docs/language.md, budgets",
    ),
)


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each unit of a budget that one of its meters does not have."""
    for budget in program.budgets:
        for text in misfits(program.model, budget):
            yield RULE.at(budget.span, text)


def misfits(block: Block, budget: Budget) -> Iterator[str]:
    """Yield what of a budget's units its meters in a block do not have."""
    for site in targeted(block, budget):
        if "step" in budget.units and site.per_step is None:
            yield f"bits/step: `{site.meter}` stands in no `repeat .. as`"
        if "valve" in budget.units and not isinstance(site.step, Valve):
            yield f"bits/valve: `{site.meter}` is no valve"
