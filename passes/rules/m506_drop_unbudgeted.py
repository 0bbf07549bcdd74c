"""M506: residues that are dropped without a budget."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.passes.analysis.meters import budget_targets, covers, meters
from revc.passes.modules import Module
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M506",
    "drop-unbudgeted",
    "deny",
    Page(
        what="`residue = drop(m)` at a meter that no budget on net or put bounds.",
        why="A dropped residue is erased: m bits an element that no inverse brings back. That is "
        "a thing to be paid for, so it is done only where a budget covers the charge.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.4)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1, residue = drop(4)) as va
}
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.4)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1, residue = drop(4)) as va
}
budget net(M.va) <= 4 bits/element
""",
        source="docs/metered.md, budgets",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each `drop` whose meter no budget on net or put bounds."""
    bounded = budget_targets(file, "net", "put")
    for meter in meters(file):
        if meter.drops and not any(covers(target, meter) for target in bounded):
            name = meter.name or meter.kind
            text = f"`{name}` drops residues, and no budget on net or put bounds it"
            yield RULE.at(meter.span, text)
