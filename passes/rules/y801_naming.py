"""Y801: names of blocks and models."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.passes.modules import Module
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Y801",
    "naming",
    "warn",
    Page(
        what="The name of a block or model begins with a small letter.",
        why="Nets, registers and sizes have small names, blocks and models capital ones: so "
        "`Layer(a, b)`, which changes a and b, is told from `mlp(b)`, which reads b, at sight.",
        bad="""
dim B, c
state lattice(Q12.20)
block layer(a, b: [B, c]) {
  a += tanh(b)
}
""",
        good="""
dim B, c
state lattice(Q12.20)
block Layer(a, b: [B, c]) {
  a += tanh(b)
}
""",
        source="docs/language.md, names",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each block and model of the main file with a small name."""
    for item in file.file.items:
        if isinstance(item, ast.BlockDecl | ast.ModelDecl) and item.name[:1].islower():
            what = "block" if isinstance(item, ast.BlockDecl) else "model"
            better = "".join(part[:1].upper() + part[1:] for part in item.name.split("_"))
            text = f"the name of a {what} begins with a capital letter, and `{item.name}` does not"
            yield RULE.at(item.name_span, text, help=f"call it `{better}`")
