"""Q303: state that is not exact."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.modules import Module, statements
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Q303",
    "float-state",
    "warn",
    Page(
        what="State is held as float32.",
        why="(a + f) - f is not a in floating point: what is rebuilt differs from what was, by a "
        "little more in each layer, and gradients with it. A lattice adds and subtracts exactly, "
        "at the same size.",
        bad="""
dim B, c
state float32
model M(a, b: [B, c]) {
  a += tanh(b)
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)
}
""",
        source="Gomez et al., The Reversible Residual Network (2017), section 3.2, on numerical "
        "error; Maclaurin, Duvenaud, Adams (2015), section 3",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each declaration of float state in a file."""
    text = "float state: add and subtract do not undo each other; use a lattice"
    for span in _declared(file):
        yield RULE.at(span, text)


def _declared(file: Module) -> Iterator[Span]:
    for item in file.file.items:
        if isinstance(item, ast.StateDecl) and item.numerics.kind == "float32":
            yield item.numerics.span
        if isinstance(item, ast.BlockDecl | ast.ModelDecl):
            for param in item.params:
                if not param.given and _is_float(param.type):
                    yield param.span
            for node in statements(item.body):
                if isinstance(node, ast.Alloc | ast.Draw) and _is_float(node.type):
                    yield node.type.span


def _is_float(kind: ast.Type | None) -> bool:
    return kind is not None and kind.numerics is not None and kind.numerics.kind == "float32"
