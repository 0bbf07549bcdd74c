"""M501: a meter without a budget."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M501",
    "budget-unmetered",
    "warn",
    Page(
        what="A `put`, `draw`, `valve` or `scale` of a model has no budget, or no name that a "
        "budget could be written for.",
        why="What is not bounded is not noticed when it grows. The ledger books bits under the "
        "statement's name (`as va`), and a budget bounds them.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
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


def unmetered(kind: str, meter: str | None, span: Span) -> Diagnostic:
    """Return the finding for a statement of some kind, by its meter's name if it has one."""
    if meter is None:
        return RULE.at(span, f"this `{kind}` has no name: say `as m`, and give m a budget")
    return RULE.at(span, f"`{meter}` has no budget")
