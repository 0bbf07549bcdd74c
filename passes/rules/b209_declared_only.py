"""B209: bijections that are taken on trust."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.passes.modules import Module
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B209",
    "declared-only",
    "warn",
    Page(
        what='A `bijection N = torch "m:f" inverse "m:g"`: that g undoes f is declared, but not '
        "shown.",
        why="A verdict is as good as its weakest assumption: whatever applies N is ASSUMED, where "
        "the named maps and additive updates are PROVED.",
        bad="""
bijection Warp = torch "flows:warp" inverse "flows:unwarp"
""",
        good="""
dim B, c
state lattice(Q12.20)
block Warp(a: [B, c]) {
  apply a by softsign()
}
""",
        source="docs/lint.md, verdicts",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each bijection that the main file declares."""
    for item in file.items(ast.BijectionDecl):
        name = getattr(item, "name", "")
        text = f"`{name}` is taken on trust: what applies it is ASSUMED, not PROVED"
        help = 'say why it is one: `# revc: allow(B209) reason = "..."`'
        yield RULE.at(item.span, text, help=help)
