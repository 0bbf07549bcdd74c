"""L103: one register in two roles."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L103",
    "duplicate-argument",
    "deny",
    Page(
        what="A register is passed twice to one call, or named twice in `swap`, `join` or `split`.",
        why="A block may change each of its registers on its own: with one register in two places "
        "`a += F(b)` would read what it writes, and have no inverse.",
        bad="""
dim B, c
state lattice(Q12.20)
block Layer(a, b: [B, c]) {
  a += tanh(b)
}
model M(x: [B, c]) {
  Layer(x, x)
}
""",
        good="""
dim B, c
state lattice(Q12.20)
block Layer(a, b: [B, c]) {
  a += tanh(b)
}
model M(x, y: [B, c]) {
  Layer(x, y)
}
""",
        source="Yokoyama, Glueck, A Reversible Programming Language and its Invertible "
        "Self-Interpreter (2007), on aliasing in Janus",
    ),
)


def duplicate(name: str, span: Span) -> Diagnostic:
    """Return the finding that `name` stands twice."""
    return RULE.at(span, f"`{name}` passed twice")


def also_given(name: str, span: Span) -> Diagnostic:
    """Return the finding that a given reads the register `name`, which the call changes."""
    return RULE.at(span, f"`{name}` passed twice: as state that changes, and as a given")
