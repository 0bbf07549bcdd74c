"""L108: a statement that reads part of what it writes."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L108",
    "slice-alias",
    "deny",
    Page(
        what="A statement reads a slice that overlaps the slice which it changes.",
        why="The inverse must read the same numbers; those in the overlap are no longer there.",
        bad="""
dim B
state lattice(Q12.20)
model M(a: [B, 8]) {
  a[.., :4] += a[.., 2:6]
}
""",
        good="""
dim B
state lattice(Q12.20)
model M(a: [B, 8]) {
  a[.., :4] += a[.., 4:]
}
""",
        source="Dinh, Krueger, Bengio, NICE (2014): a coupling layer partitions its input",
    ),
)


def overlap(name: str, where: str, span: Span) -> Diagnostic:
    """Return the finding that slices of `name` overlap at `where`."""
    return RULE.at(span, f"slices of `{name}` overlap{where}")
