"""S005: a size that does not divide."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S005",
    "odd-split",
    "deny",
    Page(
        what="A size is divided by a number that does not divide it.",
        why="`split` makes equal parts, `squeeze` moves whole blocks, and a dim is a whole number.",
        bad="""
dim B, d = 513
state lattice(Q12.20)
model M(x: [B, d]) {
  split x -> a, b
  swap a, b
  join a, b -> x
}
""",
        good="""
dim B, d = 512
state lattice(Q12.20)
model M(x: [B, d]) {
  split x -> a, b
  swap a, b
  join a, b -> x
}
""",
        source="docs/language.md, statements",
    ),
)


def odd_split(size: object, parts: object, span: Span) -> Diagnostic:
    """Return the finding that `size` cannot be cut into `parts`."""
    return RULE.at(span, f"{size} does not divide by {parts}")
