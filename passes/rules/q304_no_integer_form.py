"""Q304: a bijection of real numbers that has no exact form on a lattice."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import Float, Lattice, Numerics
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Q304",
    "no-integer-form",
    "deny",
    Page(
        what="`apply` of anything but softsign on lattice state.",
        why="A function that squeezes maps several lattice points to one, and one that stretches "
        "leaves points out; rounded, neither has an inverse. softsign is a quotient of integers, "
        "so which of the points with one image it was can go to the tape. The others are for "
        "float state.",
        bad="""
dim B, c = 8
state lattice(Q12.20)
model M(a: [B, c]) {
  apply a by tanh()
}
""",
        good="""
dim B, c = 8
state lattice(Q12.20)
model M(a: [B, c]) {
  apply a by softsign()
}
""",
        source="docs/metered.md, the statements",
    ),
)


def no_integer_form(name: str, numerics: Numerics, span: Span) -> Diagnostic | None:
    """Return the finding if `apply .. by name` is not exact on `numerics`."""
    narrow = isinstance(numerics, Lattice) and numerics.width <= 32
    fraction = isinstance(numerics, Lattice) and numerics.integer_bits == 0
    if narrow and fraction and name == "softsign":
        text = f"`softsign` has no exact form on {numerics}: it needs a bit before the point"
        return RULE.at(span, text)
    if isinstance(numerics, Float) or (narrow and name == "softsign"):
        return None
    return RULE.at(
        span,
        f"`{name}` has no exact form on {numerics}: softsign has one on 16 and 32 bits; any will "
        "do on float32 state",
    )
