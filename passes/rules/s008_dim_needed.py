"""S008: a size that must be known to compile."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S008",
    "dim-needed",
    "deny",
    Page(
        what="A dim that sizes a parameter, or counts the turns of an unshared `repeat`, has no "
        "value, and neither has one that no input's shape tells.",
        why="Parameters exist before the first input comes. Lint takes sizes as they are written; "
        "only `revc compile` needs this one.",
        bad="""
use std.nets: mlp
dim B, d
state lattice(Q12.20)
model M(a, b: [B, d]) {
  a += mlp(b, width = 4*d)
}
""",
        good="""
use std.nets: mlp
dim B, d = 64
state lattice(Q12.20)
model M(a, b: [B, d]) {
  a += mlp(b, width = 4*d)
}
""",
        source="docs/language.md, dims",
        when="compile",
    ),
)


def dim_needed(name: str, what: str, span: Span) -> Diagnostic:
    """Return the finding that dim `name` is needed, because it `what` (sizes a parameter)."""
    return RULE.at(span, f'`{name}` {what}: bind it with -D {name}=... or dims={{"{name}": ...}}')
