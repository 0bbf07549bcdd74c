"""The passes, in the order in which they run; the verifier runs before the first and after each.

Elaboration (`revc.passes.elaborate`) comes first: it resolves names, inlines composite nets, types
every expression and follows every register in one walk over the syntax tree. What follows maps
programs to programs.
"""

from typing import Protocol

from revc.ir.program import Program
from revc.passes.transform.bijective import Bijective
from revc.passes.transform.dead_lets import DeadLets
from revc.passes.transform.simplify import Simplify
from revc.passes.transform.verify import verify


class Pass(Protocol):
    """One step of the pipeline: a frozen dataclass whose fields are its options."""

    @property
    def name(self) -> str:
        """What messages and ``--emit`` call it."""

    def run(self, program: Program) -> Program:
        """Return the program after the step."""


PIPELINE: tuple[Pass, ...] = (
    Bijective(),
    Simplify(),
    DeadLets(),
)


def run_pipeline(program: Program, passes: tuple[Pass, ...] = PIPELINE) -> Program:
    """Run `passes` over a program.

    Raises:
        SpecError: a pass refuses the program.
        InternalError: a pass left a program that the verifier refuses.
    """
    verify(program)
    for step in passes:
        program = step.run(program)
        verify(program)
    return program
