"""Y802: a net that nothing reads."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.passes.modules import Module, statements
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Y802",
    "unused-net",
    "warn",
    Page(
        what="A `net` of a body that no statement of the body reads, ties or passes on.",
        why="Its parameters take memory and are never trained; as a rule another net was meant.",
        bad="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F = mlp(width = 8)
  net G = mlp(width = 16)
  a += F(b)
  b += F(a)
}
""",
        good="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F = mlp(width = 8)
  net G = mlp(width = 16)
  a += F(b)
  b += G(a)
}
""",
        source="Ruff, F841: a local that is assigned and never used",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each net that a body of the main file declares in vain."""
    for item in file.file.items:
        if isinstance(item, ast.BlockDecl | ast.ModelDecl):
            nets = [one for one in statements(item.body) if isinstance(one, ast.NetDecl)]
            unread = _unread(item, {net.name for net in nets})
            for net in nets:
                if net.name in unread:
                    yield RULE.at(net.span, f"nothing reads `{net.name}`", help="take it out")


def _unread(item: ast.Node, names: set[str]) -> set[str]:
    """Return those names that no expression and no call of a body mentions."""
    for node in ast.walk(item) if names else ():
        if isinstance(node, ast.Name):
            names.discard(node.id)
        elif isinstance(node, ast.Call):
            names.discard(node.func)
        if not names:
            break
    return names
