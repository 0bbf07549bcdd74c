"""L111: a program undoes what forgets."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L111",
    "forget-undone",
    "deny",
    Page(
        what="`undo forget`, or an `uncall` or `undo` of a block or loop that forgets.",
        why="What was forgotten is not in the state: no statement can bring it back. A run's own "
        "backward pass takes it from where the run kept it; a program has nothing of the kind.",
        bad="""
dim B
state lattice(Q12.20)
model M(a, b: [B, 8]) {
  a += tanh(b)
  undo forget b
}
""",
        good="""
use std.nets: linear
dim B
state lattice(Q12.20)
block Wide(x: [B, 8]) -> (x: [B, 8], y: [B, 2]) {
  alloc y: [B, 2] = linear(x, out = 2)
}
model M(x: [B, 8], y: [B, 2]) -> (x: [B, 8]) {
  uncall Wide(x, y)
}
""",
        source="docs/language.md, where reversibility ends",
    ),
)


def forget_undone(what: str, span: Span) -> Diagnostic:
    """Return the finding for a statement that would undo what forgets."""
    return RULE.at(span, f"{what} cannot be undone: what is forgotten is not in the state")
