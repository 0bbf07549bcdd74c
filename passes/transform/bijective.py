"""Refuse a program that is not a bijection, by the proof of its model."""

from dataclasses import dataclass

from revc.errors import InternalError
from revc.ir.program import Program
from revc.passes.analysis.proof import prove


@dataclass(frozen=True)
class Bijective:
    """Check the structural proof of the model: what is left unproved was refused before.

    Its nets are taken as functions of what they read: what they do besides, a run finds out.
    """

    name: str = "bijective"

    def run(self, program: Program) -> Program:
        """Return the program as it is.

        Raises:
            InternalError: the proof fails, though no rule has refused the spec.
        """
        proof = prove(program.model, nets=False)
        if proof.verdict in ("REFUTED", "UNKNOWN"):
            raise InternalError("\n".join(proof.lines()))
        return program
