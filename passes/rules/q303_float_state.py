"""Q303: state that is not exact."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Q303",
    "float-state",
    "warn",
    Page(
        what="State is held as float32.",
        why="(a + f) - f is not a in floating point: what is rebuilt differs from what was, by a "
        "little more in each layer, and gradients with it. A lattice adds and subtracts exactly, "
        "at the same size.",
        bad="""
dim B, c
state float32
model M(a, b: [B, c]) {
  a += tanh(b)
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)
}
""",
        source="Gomez et al., The Reversible Residual Network (2017), section 3.2, on numerical "
        "error; Maclaurin, Duvenaud, Adams (2015), section 3",
    ),
)


def float_state(span: Span) -> Diagnostic:
    """Return the finding for a declaration of float state."""
    text = "float state: add and subtract do not undo each other; use a lattice"
    return RULE.at(span, text)
