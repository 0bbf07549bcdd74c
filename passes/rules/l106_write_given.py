"""L106: a write to something read-only."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L106",
    "write-given",
    "deny",
    Page(
        what="A statement changes a `given` or a `let`.",
        why="A given belongs to the caller and is read in every direction; only state changes.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c], given t: [B, c]) {
  t += a
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c], given t: [B, c]) {
  a += t
}
""",
        source="docs/language.md, types",
    ),
)


def write_given(name: str, what: str, span: Span) -> Diagnostic:
    """Return the finding that `name` is a `what` (`given`, `let`)."""
    copy = f"`alloc s: [..] = {name}`, and change `s`"
    state = f"take it as state, without `given`, or change a copy: {copy}"
    text = state if what == "given" else f"a `let` only names a read: to change a copy, {copy}"
    return RULE.at(span, f"`{name}` is `{what}` (read-only)", help=text)
