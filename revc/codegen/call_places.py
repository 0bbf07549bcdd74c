"""What the calls of brought nets in a block are called: the same in each of its graphs.

A call is evaluated again as a segment is rebuilt, and must draw the same random numbers then. A
block's statements are passed in reverse on the way back, but for a `let`, which is evaluated where
it is first asked for, and the calls of one statement in the same order in each direction. So a kind
of statement (of a `let`, its name) and a number within the statement tell a call, together with how
often the net was called from such a place, which counts up on the way there and down on the way
back.
"""

from revc.ir.instructions import Instruction, Let


class Places:
    """Names the calls of one statement as they are emitted."""

    def __init__(self, step: Instruction | None = None) -> None:
        kind = str(getattr(step, "kind", ""))
        self._name = f"{kind} {step.name}" if isinstance(step, Let) else kind
        self._count = 0

    def next(self) -> str:
        """Return the name of the next call."""
        self._count += 1
        return f"{self._name} {self._count - 1}"
