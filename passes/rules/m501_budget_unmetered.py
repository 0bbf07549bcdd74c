"""M501: a meter without a budget."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.passes.analysis.meters import DROPOUT, Meter, budget_targets, covers, meters
from revc.passes.modules import Module
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M501",
    "budget-unmetered",
    "warn",
    Page(
        what="A `put`, `draw`, `valve` or `scale` of a model has no budget, or no name that a "
        "budget could be written for.",
        why="What is not bounded is not noticed when it grows. The ledger books bits under the "
        "statement's name (`as va`), and a budget bounds them.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
}
budget net(M.va) <= 0.1 bits/example
""",
        source="docs/language.md, budgets",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each meter that no budget bounds; a dropout costs what its rate says."""
    targets = budget_targets(file)
    for meter in meters(file):
        bounded = any(covers(target, meter) for target in targets)
        if not (bounded or meter.drops or meter.kind == DROPOUT):
            about = meter.kind, meter.name, meter.model
            yield RULE.at(meter.span, _text(meter), about=about)


def _text(meter: Meter) -> str:
    if meter.name is None:
        return f"this `{meter.kind}` has no name: say `as m`, and give m a budget"
    return f"`{meter.name}` has no budget"
