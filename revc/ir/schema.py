"""The intermediate form as pydantic knows it: checked, and dumped as data.

Importing pydantic takes longer than linting a spec, so the records know nothing of it: it reads
their fields as those of dataclasses.
"""

from typing import Any

from pydantic import TypeAdapter

from revc.ir import program


def adapter(kind: Any = program.Program) -> TypeAdapter[Any]:
    """Return what validates records of a class, strictly, and dumps them.

    Its ``validate_python`` raises pydantic's ValidationError, with the place of each value that is
    not what its field says.
    """
    # pydantic looks names up here that the annotations' own modules know as they are checked alone.
    from revc.ir.instructions import Instruction
    from revc.ir.program import Block

    names = Block, Instruction
    found: TypeAdapter[Any] = TypeAdapter(kind)
    del names
    return found
