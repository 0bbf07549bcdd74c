"""S009: one name for two things."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.instructions import Emit
from revc.ir.program import Program
from revc.passes.analysis.reserved_names import Role, reserved
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S009",
    "redefined-name",
    "deny",
    Page(
        what="A name is declared twice where both declarations can be seen, or is one that what is "
        "compiled has already: a word of Python, or a name of PyTorch's modules.",
        why="Names of nets, labels and emits are public: they name parameters and results. One "
        "that stands for two things would silently be one of them.",
        bad="""
use std.nets: mlp
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F = mlp(width = 4*c)
  a += F(b)
  net F = mlp(width = 8*c)
  b += F(a)
}
""",
        good="""
use std.nets: mlp
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F = mlp(width = 4*c)
  a += F(b)
  net G = mlp(width = 8*c)
  b += G(a)
}
""",
        source="docs/language.md, names",
    ),
)


def redefined(name: str, earlier: str, span: Span) -> Diagnostic:
    """Return the finding that `name` is already `earlier` (a dim, a net of this file)."""
    return RULE.at(span, f"`{name}` is already {earlier}: choose another name")


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each name of a model, its inputs, results and emits that Python keeps."""
    model = program.model
    inputs = [*model.takes, *model.givens]
    emits = [step for step in model.instructions() if isinstance(step, Emit)]
    named: list[tuple[Role, str, Span]] = [
        ("model", model.name, model.span),
        *(("input", register.name, register.span) for register in inputs),
        *(("field", register.name, register.span) for register in model.gives),
        *(("field", step.name, step.span) for step in emits),
    ]
    for role, name, span in named:
        if (earlier := reserved(name, role)) is not None:
            yield redefined(name, earlier, span)
