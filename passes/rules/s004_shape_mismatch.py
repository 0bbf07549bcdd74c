"""S004: shapes that do not fit."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import Shape, shape_text
from revc.passes.analysis.shapes import fits
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


def other_shape(have: Shape, want: Shape, says: str, span: Span) -> Diagnostic | None:
    """Return the finding if two shapes differ; `says` has places for ``{want}`` and ``{have}``."""
    return None if have == want else _told(have, want, says, span)


def too_wide(have: Shape, want: Shape, says: str, span: Span) -> Diagnostic | None:
    """Return the finding if a value of one shape does not broadcast to the other."""
    return None if fits(have, want) else _told(have, want, says, span)


def too_narrow(have: Shape, want: Shape, says: str, span: Span) -> Diagnostic | None:
    """Return the finding if a value does not broadcast to a shape, or lacks some of its last axis.

    The parameters of a distribution lie along that.
    """
    whole = fits(have, want) and have[-1:] == want[-1:]
    return None if whole else _told(have, want, says, span)


def _told(have: Shape, want: Shape, says: str, span: Span) -> Diagnostic:
    return mismatch(span, says.format(want=shape_text(want), have=shape_text(have)))


def mismatch(span: Span, message: str, *notes: str) -> Diagnostic:
    """Return the finding that says what has which shape."""
    return RULE.at(span, message, *notes)
