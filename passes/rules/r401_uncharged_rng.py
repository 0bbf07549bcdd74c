"""R401: random numbers that no reservoir is charged for."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import Builtin, NetSlot
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
            yield _finding(slot, looked.why)


def _finding(slot: NetSlot, why: str) -> Diagnostic:
    if isinstance(slot.source, Builtin):
        name, unit = slot.source.name, f"`{why}` of `{slot.source.name}`"
        rate = why.rpartition(" ")[2]
        help = f"drop what the net gives, in its update: `dropout({name}(..), p = {rate})`"
    else:
        unit, help = f"`{slot.name.rpartition('.')[2]}`", _OUTSIDE
        unit += f" ({why})"
    text = f"{unit} draws random numbers that no reservoir is charged for"
    return RULE.at(slot.span, text, help=help)


_OUTSIDE = "make the net a function of what it reads; masks are drawn by `dropout(F(b), p = 0.1)`"
