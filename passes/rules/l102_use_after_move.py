"""L102: a register that has moved on."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L102",
    "use-after-move",
    "deny",
    Page(
        what="A register is read or changed after `join`, `split`, `put` or `free` took it away.",
        why="Its value lives on under another name or outside the state; there is no copy.",
        bad="""
dim B, d = 8
state lattice(Q12.20)
model M(a, b: [B, d]) -> (x: [B, 2*d]) {
  join a, b -> x
  a += 1
}
""",
        good="""
dim B, d = 8
state lattice(Q12.20)
model M(a, b: [B, d]) -> (x: [B, 2*d]) {
  a += 1
  join a, b -> x
}
""",
        source="Wadler, Linear types can change the world (1990)",
    ),
)


def moved(name: str, how: str, where: Span, span: Span) -> Diagnostic:
    """Return the finding that `name` was `how` (joined, put, ...) at `where`."""
    return RULE.at(span, f"`{name}` was {how} on line {where.line}")
