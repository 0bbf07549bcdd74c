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
        "bound is made of the slopes of functions and the ranges of factors; of nets it is "
        "known where `--weights` has their parameters. Or two states were found that go to one.",
        why="x + F(x) has an inverse if F contracts, found by iteration. If it does not, two states"
        ' may go to one: the published "superposition" layer y1 = x1 + S(x1) is this. Weigh F down,'
        " or let it read another register: y2 = x2 + M(S(x1)) is undone whatever S is.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c]) {
  net S(x: [B, c]) -> [B, c] = -2 * tanh(1.5 * x)
  residual a by S
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net S(x: [B, c]) -> [B, c] = -2 * tanh(1.5 * x)
  b += S(a)
}
""",
        source="Behrmann et al., Invertible Residual Networks (2019), theorem 1",
    ),
)


def not_contracting(
    bound: float, span: Span, collision: str | None = None, note: str = ""
) -> Diagnostic:
    """Return the finding that a bound does not show that F contracts.

    The bound may be infinite where a collision was found; else there is a note on the search.
    """
    found = f"; collision found: {collision}" if collision else ""
    known = f"; the bound is {bound:.4g}" if bound < inf else ""
    text = f"`residual`: x + F(x) needs Lip(F) < 1{known}{found}"
    help = "weigh F down (`0.9 * F(x)` has 0.9 times the bound), or let it read another register"
    return RULE.at(span, text, *filter(None, [note]), help=help, witness=collision)
