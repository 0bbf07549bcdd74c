"""D601: a net that gives other results when it is run again."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import NetSlot
from revc.passes.analysis.random_nets import Probe
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.brought import HARMLESS, told

RULE = Rule(
    "D601",
    "nondeterministic-read",
    "deny",
    Page(
        what="With `--probe`: a torch net that was run twice on one input gave other bits, and no "
        "generator of random numbers had moved.",
        why="The inverse evaluates the net again, and subtracts what it gives. One bit that differs"
        " is a rebuild that fails. Kernels that add by atomics, counters, caches and generators of "
        "the net's own do this; a run finds it by its checksums, a probe before it.",
        bad="""
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "odd_layers:Counting"()
  a += F(b)
}
""",
        good=HARMLESS,
        source="PyTorch, Reproducibility: avoiding nondeterministic algorithms",
        when="probe",
    ),
)


def check(nets: Iterable[NetSlot], probe: Probe | None) -> Iterator[Diagnostic]:
    """Yield a finding for each torch net that was seen to give other results on one input."""
    help = "compute from inputs and parameters alone, by kernels that repeat"
    return told(RULE, nets, probe, "does not repeat itself", help)
