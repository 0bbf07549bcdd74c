"""L104: a new register under the name of a live one."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L104",
    "overwrite-live",
    "deny",
    Page(
        what="`alloc`, `draw`, `split`, `join` or a call makes a register whose name is in use.",
        why="The old value would be lost, and with it the inverse.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c]) {
  alloc a: [B, c] = 0
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c]) -> (a, b: [B, c]) {
  alloc b: [B, c] = 0
}
""",
        source="Bennett, Logical Reversibility of Computation (1973)",
    ),
)


def overwrites(name: str, span: Span) -> Diagnostic:
    """Return the finding that the old value of `name` would be lost."""
    return RULE.at(span, f"old value of `{name}` leaks: `{name}` is live here")
