"""M504: a budget a unit that its meters do not have."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
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
  repeat 4 as t { scale a by sigmoid(gate(b)) in [1/64, 1] as fa }
}
budget put(M.fa) <= 48 bits/step
""",
        source="docs/language.md, budgets",
    ),
)


def no_unit(unit: str, meter: str, span: Span) -> Diagnostic:
    """Return the finding for a budget a `unit` that the meter does not have."""
    why = "stands in no `repeat .. as`" if unit == "step" else "is no valve"
    return RULE.at(span, f"bits/{unit}: `{meter}` {why}")
