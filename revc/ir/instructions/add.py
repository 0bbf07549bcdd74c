"""``y += e`` and ``y -= e``: additive coupling.

On a lattice the value is rounded half to even, clamped to the lattice and added with wrap-around,
which subtraction undoes bit for bit. log|det| = 0.
Source: Dinh, Krueger, Bengio, "NICE" (2014), eq. 6; Gomez et al., "The Reversible Residual
Network" (2017), eqs. 6 and 7.
"""

from collections.abc import Callable
from typing import Literal, Self

from revc.ir.expr import Expr, Place
from revc.ir.instructions.base import Env, Instruction, live


class Add(Instruction):
    """Add ``sign * value`` to `target`, which `value` does not read."""

    kind: Literal["add"] = "add"
    target: Place
    sign: Literal[1, -1]
    value: Expr

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Add":
        """Subtract what was added."""
        return self.replace(sign=-self.sign)

    def values(self) -> tuple[Expr, ...]:
        """Return the increment."""
        return (self.value,)

    def targets(self) -> tuple[Place, ...]:
        """Return the register that grows."""
        return (self.target,)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the increment."""
        return self.replace(value=expr(self.value))
