"""R401: random numbers that no reservoir is charged for."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import NetSlot
from revc.passes.analysis.random_nets import Probe, look
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "R401",
    "uncharged-rng",
    "deny",
    Page(
        what="A net draws random numbers that nobody can give again: a built-in one with `dropout` "
        "above 0, or a class whose source calls random functions of Python or numpy, or a clock. "
        "With `--probe` nets are run, and what they draw is seen. What torch draws in a net that "
        "is brought is charged: the net gets a key of 128 bits for each call (docs/modules.md).",
        why="The inverse evaluates the net again and must get the same numbers. Random bits come "
        "from a reservoir, where `draw` books them and the inverse gives them back.",
        bad="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += mlp(b, width = 4*c, dropout = 0.1)
}
""",
        good="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += mlp(b, width = 4*c)
}
""",
        source="docs/language.md, ideas: bits move, they do not vanish",
    ),
    waivable=True,
)


def check(nets: Iterable[NetSlot], probe: Probe | None = None) -> Iterator[Diagnostic]:
    """Yield a finding for each net that draws random numbers; turns of a loop count once."""
    for slot in nets:
        looked = look(slot, probe)
        if looked.verdict == "random":
            name = slot.name.rpartition(".")[2]
            text = f"`{name}` draws random numbers ({looked.why}) that no reservoir is charged for"
            yield RULE.at(slot.span, text)
