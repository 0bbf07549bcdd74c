"""S004: shapes that do not fit."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S004",
    "shape-mismatch",
    "deny",
    Page(
        what="The shapes of a target and a value, of an argument and a parameter, or of a result "
        "and its declaration differ.",
        why="Shapes are compared as polynomials in the dims, so what fits, fits at every size. A "
        "value may be broadcast to its target, never the target to the value.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c], b: [B, 2*c]) {
  a += b
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c], b: [B, 2*c]) {
  a += b[.., :c]
}
""",
        source="docs/language.md, types",
    ),
)


def mismatch(span: Span, message: str, *notes: str) -> Diagnostic:
    """Return the finding that says what has which shape."""
    return RULE.at(span, message, *notes)
