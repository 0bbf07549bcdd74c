"""What a spec may import: the modules that its nets come from."""

from collections.abc import Iterable, Sequence

from revc.errors import BindError
from revc.ir.nets import NetSlot, TorchClass
from revc.ir.program import Program


def check_imports(program: Program, allowed: Iterable[str] | None) -> None:
    """Check that all nets come from modules that are allowed, or lie below one.

    Args:
        program: whose nets are looked at; nothing is imported.
        allowed: the modules; any with None.

    Raises:
        BindError: a net comes from elsewhere.
    """
    if allowed is None:
        return
    if isinstance(allowed, str):
        raise BindError(f"allow_import = {allowed!r}: pass a list of modules")
    known = tuple(allowed)
    for slot in program.model.nets:
        if isinstance(slot.source, TorchClass) and not may_import(slot.source.target, known):
            raise BindError(
                f"net {located(slot)} imports {slot.source.target!r}, and "
                + (f"only {', '.join(known)} may be imported" if known else "nothing may be")
            )


def may_import(target: str, known: Sequence[str] | None) -> bool:
    """Say whether ``module:Class`` lies in or below one of some modules; anything does for None."""
    if known is None:
        return True
    module = target.partition(":")[0]
    return any(module == one or module.startswith(f"{one}.") for one in known)


def located(slot: NetSlot) -> str:
    """Return a net's name and place, for messages."""
    at = slot.span
    return f"{slot.name} at {at.file}:{at.line}:{at.column}"
