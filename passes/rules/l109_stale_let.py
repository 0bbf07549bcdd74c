"""L109: a `let` whose source has changed."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L109",
    "stale-let",
    "deny",
    Page(
        what="A `let` is used after something that it read has changed.",
        why="The inverse reads the same expression when it gets there, and would find another "
        "value. Read again with a second `let`, or change the register after the last use.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  let th = tanh(a)
  a += b
  b += th
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  let th = tanh(a)
  b += th
  a += b
}
""",
        source="docs/language.md, expressions",
    ),
)


def stale(name: str, read: str, where: Span, span: Span) -> Diagnostic:
    """Return the finding that `name` read the register `read`, which changed at `where`."""
    text = f"`{name}` read `{read}`, which changes on line {where.line} while `{name}` is in use"
    return RULE.at(span, text, about=(where,))
