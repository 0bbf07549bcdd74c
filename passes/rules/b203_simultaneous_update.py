"""B203: registers that change at once."""

from collections.abc import Sequence

from revc.grammar.span import Span
from revc.ir.expr import Expr, Place
from revc.ir.types import RegType
from revc.passes.elaborate.proof import Doubt
from revc.passes.report import Findings
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B203",
    "simultaneous-update",
    "deny",
    Page(
        what="`a, b <- e1, e2`: every value is read before any register is written.",
        why="Each update alone may be invertible, both together need not be: the inverse of one reads "
        "what the other has already changed. Written one after the other, each reads a register that "
        'stays. The published "entanglement" layer x_i += tanh(-(x1 + x2)) is this: (0, 0) and '
        "(0.957504, 0.957504) both go to (0, 0).",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a, b <- a + tanh(-(a + b)), b + tanh(-(a + b))
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(-b)
  b += tanh(-a)
}
""",
        source="Dinh, Krueger, Bengio, NICE (2014), section 3.2",
    ),
)


def refuse_simultaneous(
    findings: Findings, span: Span, places: Sequence[tuple[Place, RegType]], values: Sequence[Expr]
) -> Doubt:
    """Record the finding and return what it means for the proof."""
    names = ", ".join(place.name for place, _ in places)
    findings.add(RULE.at(span, f"`{names} <- ..`: both updates read old values; sequence them"))
    return Doubt("UNKNOWN", "the updates read each other's old values", span)
