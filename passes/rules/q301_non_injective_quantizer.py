"""Q301: a quantiser that throws the remainder away."""

from math import log2

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import Lattice
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Q301",
    "non-injective-quantizer",
    "deny",
    Page(
        what="A distribution quantises with `residue = none`: floor(x / step) alone.",
        why="floor(x / step) sends every value of a step to one index, however often it is called"
        " bijective. The remainder must go somewhere: `carry` keeps it in the state, `write` "
        "puts it on the tape, `drop(m)` gives up m bits an element under a budget.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16, residue = none) as va
}
budget net(M.va) <= 1 bits/example
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16, residue = carry) as va
}
budget net(M.va) <= 1 bits/example
""",
        source="Hoogeboom et al., Integer Discrete Flows (2019), on rounding without loss",
    ),
    waivable=True,
)


def quantiser_loss(lattice: Lattice, step: float, span: Span) -> Diagnostic | None:
    """Return the finding if a step holds several lattice values, two of them as its witness."""
    raws = step * 2.0**lattice.fraction_bits
    if raws <= 1:
        return None
    return RULE.at(
        span,
        f"raw 0 and 1 both map to 0; loses {log2(raws):.4g} bits an element; "
        "say residue = carry, write or drop(m)",
        witness="raw 0 and 1 both map to 0",
    )
