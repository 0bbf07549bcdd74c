"""``negate y``: two's complement on a lattice, which is its own inverse; log|det| = 0."""

from typing import Literal

from revc.ir.expr import Place
from revc.ir.instructions.base import Env, Instruction, live


class Negate(Instruction):
    """Replace `target` by its negative."""

    kind: Literal["negate"] = "negate"
    target: Place

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Negate":
        """Negate once more."""
        return self

    def targets(self) -> tuple[Place, ...]:
        """Return the register that changes sign."""
        return (self.target,)
