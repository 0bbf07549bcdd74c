"""B202: a residual update that need not have an inverse."""

from math import inf

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B202",
    "residual-contraction",
    "deny",
    Page(
        what="`residual y by F` for an F whose Lipschitz bound is known and is not below 1. The "
        "bound is made of the slopes of functions and the ranges of factors; of nets it is known "
        "where `--weights` has their parameters.",
        why="x + F(x) has an inverse if F contracts, found by iteration. If it does not, two states"
        ' may go to one: the published "superposition" layer y1 = x1 + S(x1) is this. Weigh F down,'
        " or let it read another register: y2 = x2 + M(S(x1)) is undone whatever S is.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c]) {
  net S(x: [B, c]) -> [B, c] = 2 * tanh(1.5 * x)
  residual a by S
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net S(x: [B, c]) -> [B, c] = 2 * tanh(1.5 * x)
  b += S(a)
}
""",
        source="Behrmann et al., Invertible Residual Networks (2019), theorem 1",
    ),
)


def not_contracting(bound: float, span: Span) -> Diagnostic | None:
    """Return the finding if a bound is known and does not show that F contracts."""
    if not 1 <= bound < inf:
        return None
    text = f"`residual`: x + F(x) needs Lip(F) < 1; the bound is {bound:.4g}"
    help = "weigh F down (`0.9 * F(x)` has 0.9 times the bound), or let it read another register"
    return RULE.at(span, text, help=help)
