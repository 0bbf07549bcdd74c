"""B206: a mix by a matrix that may have no inverse."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B206",
    "singular-mix",
    "deny",
    Page(
        what="`mix` multiplies by a plain matrix: a parameter, or the value of a net.",
        why="Nothing keeps the determinant of a free matrix away from 0. Singular, it maps "
        "different states to one; nearly singular, it loses their difference in rounding. The "
        "families of `mix` are invertible whatever is learned.",
        bad="""
use std.nets: parameter
dim B, c = 8
state lattice(Q12.20)
model M(a: [B, c]) {
  mix a by parameter([c, c])
}
""",
        good="""
dim B, c = 8
state lattice(Q12.20)
model M(a: [B, c]) {
  mix a by lu()
}
""",
        source="Kingma, Dhariwal, Glow (2018), section 3.2",
    ),
)


def singular(name: str, span: Span) -> Diagnostic:
    """Return the finding for a mix by the net `name`."""
    return RULE.at(
        span,
        f"the determinant of `{name}` is not bounded away from 0; use lu, orthogonal, householder "
        "or permutation",
    )
