"""Q307: a step or a factor that the integers of a lattice do not hold."""

from math import log2

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import Lattice
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Q307",
    "step-off-lattice",
    "deny",
    Page(
        what="The step of a distribution is not a whole number of lattice units, an index would "
        "need more than 32 bits, or a scaling is beyond the exact one.",
        why="A value is split into index * unit + residue in integers, and scaled by n/1024 on 16 "
        "or 32 bits. What does not fit those is not exact, and so not undone.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/3) as va
}
budget net(M.va) <= 1 bits/element
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 3/8) as va
}
budget net(M.va) <= 1 bits/element
""",
        source="docs/metered.md, values and residues",
    ),
)


def off_lattice(step: float, lattice: Lattice, span: Span) -> Diagnostic | None:
    """Return the finding if a lattice's integers do not hold the split by a step."""
    unit = step * 2.0**lattice.fraction_bits
    if unit < 1 or unit != int(unit):
        return RULE.at(span, f"a step of {step:g} is no whole number of units of {lattice}")
    if lattice.width - log2(unit) > 32 or unit > 2**31:
        text = f"a step of {step:g} splits {lattice} beyond 32 bits of index or residue"
        return RULE.at(span, text)
    if unit > 2 ** (lattice.width - 1):
        return RULE.at(span, f"a step of {step:g} is more than half of all that {lattice} holds")
    return None


def not_exact(text: str, span: Span) -> Diagnostic:
    """Return the finding for what exact integer steps do not reach."""
    return RULE.at(span, text)
