"""L101: state that a body leaves behind."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L101",
    "dropped-state",
    "deny",
    Page(
        what="A register is live at the end of a block or model and is not among its results.",
        why="State is linear: what a body takes or makes it gives back, or moves out where its "
        "bits are kept. A register that is simply left behind cannot be rebuilt, so there is "
        "no inverse. The published layers that set a coordinate aside and never return it are"
        " this.",
        bad="""
dim B, d = 8
state lattice(Q12.20)
model M(x: [B, d]) -> (a: [B, d/2]) {
  split x -> a, b
  a += b
}
""",
        good="""
dim B, d = 8
state lattice(Q12.20)
model M(x: [B, d]) -> (a, b: [B, d/2]) {
  split x -> a, b
  a += b
}
""",
        source="Bennett, Logical Reversibility of Computation (1973)",
    ),
)


def dropped(name: str, span: Span) -> Diagnostic:
    """Return the finding that register `name` is left behind."""
    return RULE.at(
        span,
        f"`{name}` is dropped without being written to a tape: return, `put` or `free` it",
    )
