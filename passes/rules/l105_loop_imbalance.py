"""L105: a turn that does not leave the registers as it found them."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L105",
    "loop-imbalance",
    "deny",
    Page(
        what="The body of a `repeat` ends with other live registers, or other types, than it "
        "began.",
        why="The next turn starts where this one ends, and the inverse runs the turns the other "
        "way.",
        bad="""
dim B, d = 8
state lattice(Q12.20)
model M(x: [B, d]) -> (a, b: [B, d/2]) {
  repeat 1 {
    split x -> a, b
  }
}
""",
        good="""
dim B, d = 8
state lattice(Q12.20)
model M(x: [B, d]) {
  repeat 3 {
    split x -> a, b
    a += tanh(b)
    join b, a -> x
  }
}
""",
        source="Yokoyama, Glueck, A Reversible Programming Language and its Invertible "
        "Self-Interpreter (2007), loop assertions of Janus",
    ),
)


def imbalance(span: Span, change: str) -> Diagnostic:
    """Return the finding that says what the body changed."""
    return RULE.at(span, f"the body changes which states are live: {change}")
