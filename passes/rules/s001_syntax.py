"""S001: the text does not follow the grammar. The parser makes these findings."""

from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S001",
    "syntax",
    "deny",
    Page(
        what="The text does not follow the grammar of `.rev`.",
        why="Nothing can be said of what cannot be read. The parser reads on behind the first "
        "error, so that one run shows several.",
        bad="""
use std.nets: mlp
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += mlp(b, width = 4*c
}
""",
        good="""
use std.nets: mlp
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += mlp(b, width = 4*c)
}
""",
        source="docs/language.md; the grammar is grammar/rev.lark",
    ),
)
