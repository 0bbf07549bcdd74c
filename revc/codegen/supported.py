"""Refuse what cannot be compiled yet, all at once, before anything is made."""

from revc.grammar.diagnostics import UnsupportedError
from revc.ir.instructions import Apply
from revc.ir.instructions.base import unsupported
from revc.ir.net_kinds import signature_of
from revc.ir.nets import Builtin
from revc.ir.program import Program
from revc.runtime.metered.floats import BIJECTIONS


def refuse_unsupported(program: Program) -> None:
    """Check that every statement of a program can be compiled.

    Raises:
        UnsupportedError: some cannot yet; tells each of them and where it stands.
    """
    found = {
        step.span: unsupported("apply by a declared bijection", step.span)
        for step in program.model.instructions()
        if isinstance(step, Apply) and step.bijection not in BIJECTIONS
    }
    for slot in program.model.nets:
        option = _own_randomness(slot.source)
        if option is not None:
            text = f"`{option}` of a built-in net; `dropout(net, p)` of std.nets around it"
            found[slot.span] = unsupported(text, slot.span)
    if found:
        raise UnsupportedError(sorted(found.values(), key=lambda d: (d.span.file, d.span.line)))


def _own_randomness(source: object) -> str | None:
    """Return the option by which a built-in net would draw random numbers that nobody books."""
    if not isinstance(source, Builtin):
        return None
    option = signature_of(source).random
    return option if option is not None and source.settings.get(option) else None
