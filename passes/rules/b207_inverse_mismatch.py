"""B207: a declared bijection whose inverse does not undo it."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.passes.analysis.random_nets import Probe
from revc.passes.modules import Module
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B207",
    "inverse-mismatch",
    "deny",
    Page(
        what='With `--probe`: a `bijection N = torch "m:f" inverse "m:g"` for which g(f(x)) was '
        "not x, up to rounding, at one of 64 inputs.",
        why="A declared bijection is taken on trust (B209). Both functions can be called, so the "
        "trust can be tried: inputs from one millionth to a hundred, of either sign, and 0. That "
        "all of them come back proves nothing of the others.",
        bad="""
# revc: allow(B209) reason = "a power, and its root"
bijection Cube = torch "odd_layers:cube" inverse "odd_layers:root"
""",
        good="""
# revc: allow(B209) reason = "a power, and its root"
bijection Cube = torch "odd_layers:cube" inverse "odd_layers:signed_root"
""",
        source="docs/lint.md, verdicts",
        when="probe",
    ),
)


def check(file: Module, probe: Probe | None) -> Iterator[Diagnostic]:
    """Yield a finding for each bijection of the main file that was seen not to be undone."""
    for item in file.items(ast.BijectionDecl) if probe is not None else ():
        assert probe is not None
        assert isinstance(item, ast.BijectionDecl)
        plain = not item.forward.args  # what is made with arguments is not known here
        failed = probe.undone(item.forward.target, item.inverse) if plain else None
        if failed is not None:
            text = f"`{item.inverse}` does not undo `{item.forward.target}`: {failed}"
            yield RULE.at(item.span, text, witness=failed)
