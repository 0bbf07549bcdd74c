"""A remainder that is thrown away (Q301), kept by the rule of its statement."""

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Fix
from revc.passes.repairs.source import Source, inner


def kept(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair: `carry` leaves it in a valve's slot, `write` puts it on the tape."""
    home = source.home(finding.span)
    if home is None:
        return None
    statement = inner(home[0][home[1]])
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and node.span == finding.span:
            given = {arg.name: arg.value for arg in node.args}
            if "residue" in given:
                policy = "carry" if isinstance(statement, ast.Valve) else "write"
                return Fix((source.edit(given["residue"].span, policy),))
    return None
