"""B200: a block that is not proved a bijection; only with `--deny unknown`."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.passes.analysis.proof import Proof
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B200",
    "unknown-verdict",
    "deny",
    Page(
        what="With `--deny unknown`: a block or model whose verdict is UNKNOWN.",
        why="UNKNOWN says that no rule speaks against the block and no proof for it. A release "
        "may want a proof of every block.",
        bad="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
block Couple(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "my_nets:Net"
  a += F(b)
}
""",
        good="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
block Couple(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = mlp(x, width = 4*c)
  a += F(b)
}
""",
        source="docs/lint.md, verdicts",
        when="deny unknown",
    ),
)


def check(proof: Proof) -> Iterator[Diagnostic]:
    """Yield a finding if a block's or model's proof says UNKNOWN."""
    if proof.verdict == "UNKNOWN":
        yield RULE.at(proof.span, f"`{proof.subject}` is not proved: {proof.reason}")
