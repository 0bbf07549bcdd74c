"""The inverse of a body: its instructions inverted, in reverse.

A `let` is no step but the start of a stretch; run backwards, it stands in front of the last of its
uses, where nothing that it reads has changed (rule L109).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revc.ir.instructions import Instruction


def invert_body(body: "tuple[Instruction, ...]") -> "tuple[Instruction, ...]":
    """Return the inverse instructions in reverse, every `let` in front of its first use."""
    pending = {name: step for step in body if (name := step.binds())}
    result: list[Instruction] = []

    def demand(names: tuple[str, ...]) -> None:
        for name in names:
            if let := pending.pop(name, None):
                demand(let.names_read())
                result.append(let)

    for step in reversed(body):
        if name := step.binds():
            demand((name,))
            continue
        demand(step.names_read())
        result.append(step.inverse())
    return tuple(result)
