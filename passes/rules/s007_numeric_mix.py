"""S007: numbers of different kinds in one statement."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import RegType
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.s004_shape_mismatch import other_shape

RULE = Rule(
    "S007",
    "numeric-mix",
    "deny",
    Page(
        what="A statement mixes numerics: a lattice register and float state, a label and a "
        "number, or two registers of different lattices that change places.",
        why="Float state comes back only up to rounding, so adding it to a lattice would make the "
        "lattice inexact as well; a label is a name, not a quantity.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c], given u: label(10)[B, c]) {
  a += 2 * u
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c], given u: float32[B, c]) {
  a += 2 * u
}
""",
        source="docs/language.md, types",
    ),
)


def other_type(have: RegType, want: RegType, says: str, span: Span) -> Diagnostic | None:
    """Return the finding (S004, S007) if two types differ; `says` is as `other_shape` has it."""
    shape = other_shape(have.shape, want.shape, says, span)
    if shape is None and have.numerics != want.numerics:
        return numeric_mix(span, says.format(want=want.numerics, have=have.numerics))
    return shape


def numeric_mix(span: Span, message: str) -> Diagnostic:
    """Return the finding that says which kinds meet."""
    return RULE.at(span, message)
