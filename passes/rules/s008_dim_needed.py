"""S008: a size that must be known to compile."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.program import Program
from revc.passes.analysis.dims_needed import needed
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


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each dim without a value that a program needs to be compiled."""
    for dim in needed(program):
        name = dim.name
        how = f'bind it with -D {name}=... or dims={{"{name}": ...}}'
        yield RULE.at(dim.span, f"`{name}` {dim.why}: {how}")
