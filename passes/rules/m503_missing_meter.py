"""M503: a budget that does not say what it meters."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.passes.modules import Module
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M503",
    "missing-meter",
    "deny",
    Page(
        what="A budget names no meter: `put`, `draw` or `net`.",
        why="The bits written to the tape, those taken from the reservoir and their difference are "
        "three numbers; one that is small says nothing of the others.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
budget (M.va) <= 0.1 bits/example
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
budget net(M.va) <= 0.1 bits/example
""",
        source="docs/language.md, budgets",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each budget without a meter."""
    for item in file.items(ast.BudgetDecl):
        if isinstance(item, ast.BudgetDecl) and item.meter is None:
            yield RULE.at(item.span, "the budget names no meter: say put, draw or net")
