"""M507: a valve that drops residues and is undone by the program itself."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.instructions import Valve
from revc.ir.program import Block, Program
from revc.passes.analysis.sites import MeterSite, metered
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M507",
    "drop-undone",
    "deny",
    Page(
        what="A valve with `residue = drop(m)` that the program undoes: `undo valve`, or a valve "
        "in what is undone by `uncall` or `undo`.",
        why="Whether a residue was dropped is on the tape beside it. Undone by a program, a valve "
        "would take that decision off a tape that holds none, and lose it.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.4)
model M(a, b: [B, c]) {
  undo valve a by logistic(linear(b), step = 1, residue = drop(4)) as va
}
budget net(M.va) <= 4 bits/element
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.4)
model M(a, b: [B, c]) {
  undo valve a by logistic(linear(b), step = 1, residue = carry) as va
}
budget net(M.va) <= 4 bits/element
""",
        source="docs/metered.md, budgets",
    ),
)


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each valve that drops residues where a run undoes it."""
    found = {site.step.span: site for site in drops(program.model) if site.undone}
    for span, site in found.items():
        yield drop_undone(site.meter, span)


def drops(block: Block) -> Iterator[MeterSite]:
    """Yield the valves that a run of `block` reaches and that drop residues."""
    for site in metered(block):
        if isinstance(site.step, Valve) and site.step.by.residue == "drop":
            yield site


def drop_undone(meter: str, span: Span) -> Diagnostic:
    """Return the finding for a valve that would be undone by a program."""
    text = f"`{meter}` drops residues, and a program cannot undo that: carry or write them"
    return RULE.at(span, text)
