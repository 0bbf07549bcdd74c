"""L103: one register in two roles."""

from collections.abc import Iterable

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


def duplicate(names: Iterable[tuple[str, Span]]) -> Diagnostic | None:
    """Return the finding if a name stands twice among some."""
    seen: set[str] = set()
    for name, span in names:
        if name in seen:
            return RULE.at(span, f"`{name}` passed twice")
        seen.add(name)
    return None


def also_given(name: str, span: Span, via: str | None = None) -> Diagnostic:
    """Return the finding that a given reads the register `name`, which the call changes.

    `via` is the let by which it does, if any.
    """
    how = f", by `{via}`" if via else ""
    return RULE.at(span, f"`{name}` passed twice: as state that changes, and as a given{how}")
