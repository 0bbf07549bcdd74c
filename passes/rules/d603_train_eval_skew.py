"""D603: a net whose output depends on the mode that it is in."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import NetSlot
from revc.passes.analysis.random_nets import Probe
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.brought import HARMLESS, told

RULE = Rule(
    "D603",
    "train-eval-skew",
    "warn",
    Page(
        what="With `--probe`: a torch net that draws no random numbers gave other values in "
        "evaluation than in training.",
        why="A run and its way back are in one mode, so each can be undone. But a state, or an "
        "archive, that was made in one mode is not read back in the other. Dropout does this too, "
        "and is meant to: nets that draw are not told of here.",
        bad="""
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "odd_layers:TwoFaced"()
  a += F(b)
}
""",
        good=HARMLESS,
        source="docs/modules.md",
        when="probe",
    ),
)


def check(nets: Iterable[NetSlot], probe: Probe | None) -> Iterator[Diagnostic]:
    """Yield a finding for each torch net whose modes were seen to differ."""
    help = "let `forward` not ask `self.training`, or keep the model in one mode"
    return told(RULE, nets, probe, "depends on the mode", help)
