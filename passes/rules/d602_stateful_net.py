"""D602: a net that changes what it holds as it runs."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import NetSlot
from revc.passes.analysis.random_nets import Probe
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.brought import told

RULE = Rule(
    "D602",
    "stateful-net",
    "deny",
    Page(
        what="A torch net that keeps running statistics, or whose `forward` writes to a buffer. "
        "Torch's layers are known by name, classes by their source; with `--probe` it is seen. An "
        "attribute that is no buffer is a warning: it may be a note that nothing reads.",
        why="A net is evaluated once on the way forth and once more on the way back. One that "
        "changes itself gives other values the second time, and counts every example twice. "
        "Training refuses it as it runs. Where it is used in evaluation alone, say so in an "
        "`allow`.",
        bad="""
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "torch.nn:BatchNorm1d"(8)
  a += F(b)
}
""",
        good="""
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "torch.nn:LayerNorm"(8)
  a += F(b)
}
""",
        source="Gomez et al., The Reversible Residual Network (2017), section 3.1, on batch norm",
    ),
    waivable=True,
)


def check(nets: Iterable[NetSlot], probe: Probe | None) -> Iterator[Diagnostic]:
    """Yield a finding for each torch net that is known to change as it runs, or that may."""
    help = "give it a net that only reads: `LayerNorm` or `GroupNorm` keep no statistics"
    return told(RULE, nets, probe, "changes as it runs", help)
