"""R402: a reservoir that cannot hold what is drawn from it."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "R402",
    "reservoir-exhaustion",
    "deny",
    Page(
        what="A `reservoir e(bits = N)` from which a run draws more than N bits an example, "
        "whatever the nets say.",
        why="Drawing from an empty reservoir would have to make bits up, and the run could not be "
        "undone. At run time it is an error; where it is certain, it is one before.",
        bad="""
dim B, T = 100
state lattice(Q12.20)
reservoir e(seed = 1, bits = 64)
model M(given x: float32[B, T]) -> (y: label(16)[B, T]) {
  draw y: label(16)[B, T] by uniform(16) as out on e
}
budget draw(M.out) <= 4 bits/element
""",
        good="""
dim B, T = 100
state lattice(Q12.20)
reservoir e(seed = 1, bits = 4000)
model M(given x: float32[B, T]) -> (y: label(16)[B, T]) {
  draw y: label(16)[B, T] by uniform(16) as out on e
}
budget draw(M.out) <= 4 bits/element
""",
        source="docs/metered.md, the statements",
    ),
)


def exhausted(name: str, bits: int, needed: float, span: Span) -> Diagnostic:
    """Return the finding for reservoir `name`, from which at least `needed` bits are drawn."""
    return RULE.at(
        span, f"a run draws at least {needed:.4g} bits an example, `{name}` has {bits} of them"
    )
