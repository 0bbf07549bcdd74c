"""D604: a net whose bits for one example depend on the others of its batch."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import NetSlot
from revc.passes.analysis.random_nets import Probe
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.brought import HARMLESS, told

RULE = Rule(
    "D604",
    "shape-dependent-kernel",
    "warn",
    Page(
        what="With `--probe`: a torch net gave an example other bits alone, or in half a batch, "
        "than in the whole batch.",
        why="A way back has the batch that the way forth had, and is exact. But what was run as "
        "one batch is not undone, and an archive not read, in another: kernels choose how they add"
        " by the shape, and some nets mix the examples of a batch. Keep the batch size together "
        "with what was made by it.",
        bad="""
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "torch.nn:BatchNorm1d"(8, track_running_stats = false)
  a += F(b)
}
""",
        good=HARMLESS,
        source="PyTorch, Numerical accuracy: batched computations or slice computations",
        when="probe",
    ),
)


def check(nets: Iterable[NetSlot], probe: Probe | None) -> Iterator[Diagnostic]:
    """Yield a finding for each torch net whose examples were seen to hang on their batch."""
    return told(RULE, nets, probe)
