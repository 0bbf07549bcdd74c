"""B210: a stack of the other kind, on which a statement would undo itself."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B210",
    "one-stack",
    "deny",
    Page(
        what="A `put`, `valve` or `scale` names a reservoir, or a `draw` names a tape.",
        why="A valve that pushes the old value on the stack that it draws from gets that value "
        "straight back: with one distribution, push and pop on one stack are nothing at all. And "
        "what was put on a tape is no random bits: drawn from there, a value would depend on what "
        "was to be forgotten.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
reservoir e(seed = 1)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va on e
}
budget net(M.va) <= 1 bits/element
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
tape t
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va on t
}
budget net(M.va) <= 1 bits/element
""",
        source="docs/metered.md, the statements",
    ),
)


def one_stack(name: str, is_tape: bool, wants_tape: bool, span: Span) -> Diagnostic | None:
    """Return the finding if a statement is on a stack of the other kind."""
    if is_tape == wants_tape:
        return None
    if wants_tape:
        text = f"`{name}` is a reservoir: what is pushed on it is what the next draw gives back"
        return RULE.at(span, f"{text}; name a tape")
    return RULE.at(span, f"`{name}` is a tape: what was put there is not random; name a reservoir")
