"""Refuse what cannot be compiled yet, all at once, before anything is made."""

from revc.grammar.diagnostics import UnsupportedError
from revc.ir.program import Program
from revc.passes.rules.c901_not_yet_supported import check
from revc.passes.rules.report import by_place


def refuse_unsupported(program: Program) -> None:
    """Check that every statement of a program can be compiled.

    Raises:
        UnsupportedError: some cannot yet; tells each of them and where it stands.
    """
    found = sorted(check(program.model), key=by_place)
    if found:
        raise UnsupportedError(found)
