"""A size that does not divide (S005): the dim that it is, made the next size that does."""

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Fix
from revc.passes.repairs.source import Source


def rounded(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair, if one dim of the file alone has this size."""
    if len(finding.about) != 2:
        return None
    size, parts = finding.about
    if not (isinstance(size, int) and isinstance(parts, int) and parts > 0 and size > 0):
        return None
    dims = (item for item in source.tree.items if isinstance(item, ast.DimDecl))
    values = [entry.value for item in dims for entry in item.entries]
    known = [one for one in values if isinstance(one, ast.Num) and one.value == size]
    if len(known) != 1:
        return None
    return Fix((source.edit(known[0].span, str(-(-size // parts) * parts)),))
