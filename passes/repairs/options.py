"""An option that a call leaves out (S003), with a value to begin with."""

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Fix
from revc.grammar.span import Span
from revc.passes.repairs.source import Source

VALUES = {"heads": "1", "width": "64", "p": "0.1", "components": "4", "n": "2"}
"""What an option is given that has no default: something that checks, for the author to change."""


def given(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair that gives the option, last in the call."""
    name = finding.about[0] if finding.about else None
    if not isinstance(name, str) or name not in VALUES:
        return None
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and node.span == finding.span:
            at = node.span
            end = Span(at.file, at.end_line, at.end_column - 1, at.end_line, at.end_column)
            if source.at(end) != ")":
                return None
            comma = ", " if node.args else ""
            return Fix((source.edit(end, f"{comma}{name} = {VALUES[name]})"),))
    return None
