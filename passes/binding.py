"""What Python binds of a program: its nets without a body."""

from collections.abc import Collection

from revc.errors import BindError
from revc.ir.nets import Hole
from revc.ir.program import Program
from revc.passes.rules.base import hint


def check_nets(program: Program, nets: Collection[str]) -> None:
    """Check that Python binds every net without a body, and no other.

    Raises:
        BindError: it leaves one out, or binds another.
    """
    holes = {slot.source.name: slot for slot in program.model.nets if isinstance(slot.source, Hole)}
    for name in nets:
        if name not in holes:
            raise BindError(f"no net `{name}` without a body{hint(name, holes)}")
    missing = [name for name in holes if name not in nets]
    if missing:
        at = holes[missing[0]].span
        raise BindError(
            f"{at.file}:{at.line}:{at.column}: net `{missing[0]}` has no body: "
            f'bind it with nets={{"{missing[0]}": ...}}'
        )
