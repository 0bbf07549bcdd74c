"""S009: one name for two things."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S009",
    "redefined-name",
    "deny",
    Page(
        what="A name is declared twice where both declarations can be seen.",
        why="Names of nets, labels and emits are public: they name parameters and results. One "
        "that stands for two things would silently be one of them.",
        bad="""
use std.nets: mlp
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F = mlp(width = 4*c)
  a += F(b)
  net F = mlp(width = 8*c)
  b += F(a)
}
""",
        good="""
use std.nets: mlp
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F = mlp(width = 4*c)
  a += F(b)
  net G = mlp(width = 8*c)
  b += G(a)
}
""",
        source="docs/language.md, names",
    ),
)


def redefined(name: str, earlier: str, span: Span) -> Diagnostic:
    """Return the finding that `name` is already `earlier` (a dim, a net of this file)."""
    return RULE.at(span, f"`{name}` is already {earlier}: choose another name")
