"""R403: dropout where no mask can be drawn for it."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "R403",
    "misplaced-dropout",
    "deny",
    Page(
        what="`dropout` in a `let`, an `emit`, a distribution, a factor, an `alloc` or a `free`.",
        why="A mask is drawn from the reservoir before an update and goes to the tape behind it, "
        "so that the update can be undone with the same mask. Elsewhere there is no before and "
        "behind.",
        bad="""
use std.nets: mlp, dropout
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  let h = dropout(mlp(b, width = 8), p = 0.1)
  a += h
}
""",
        good="""
use std.nets: mlp, dropout
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += dropout(mlp(b, width = 8), p = 0.1)
}
""",
        source="docs/metered.md, the statements",
    ),
)


def misplaced(span: Span) -> Diagnostic:
    """Return the finding for a dropout outside an update."""
    return RULE.at(span, "`dropout` draws its mask for an update: write it inside `+=` or `-=`")
