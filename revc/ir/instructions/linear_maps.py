"""``mix`` and ``apply``: invertible linear maps and named bijections.

On a lattice a matrix is a product of lifting steps, each an exact add, and softsign exchanges
remainders with the tape. Float state takes any bijection, up to rounding. Sources: Kingma,
Dhariwal, "Glow" (2018), section 3.2 for the LU form; Tomczak, Welling, "Improving VAEs using
Householder Flow" (2016).
"""

from collections.abc import Callable
from typing import Literal, Self

from revc.ir.expr import Expr, NetCall, Place
from revc.ir.instructions.base import Env, Instruction, live


class Mix(Instruction):
    """Multiply the last axis of `target` by an invertible matrix, or its inverse when `undo`.

    A learned matrix is the value of a net, [n, n]; a permutation has none.
    """

    kind: Literal["mix"] = "mix"
    target: Place
    family: Literal["permutation", "orthogonal", "householder", "lu"]
    settings: dict[str, int | float | None]
    matrix: Expr | None = None
    undo: bool = False

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Mix":
        """Multiply by the inverse."""
        return self.replace(undo=not self.undo)

    @property
    def slot(self) -> int | None:
        """The net slot that holds the matrix's parameters."""
        return self.matrix.slot if isinstance(self.matrix, NetCall) else None

    def values(self) -> tuple[Expr, ...]:
        """Return the matrix, if a net makes it."""
        return () if self.matrix is None else (self.matrix,)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the matrix."""
        if self.matrix is None:
            return self
        return self.replace(matrix=expr(self.matrix))

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is mixed."""
        return (self.target,)


NAMED = ("softsign", "tanh", "sigmoid", "exp", "log", "softplus", "sinh", "arcsinh")
"""The bijections that have code; a spec may declare others, on trust."""


class Apply(Instruction):
    """Apply a named bijection to `target`, or its inverse when `undo`."""

    kind: Literal["apply"] = "apply"
    target: Place
    bijection: str
    settings: dict[str, int | float | str | None]
    undo: bool = False

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Apply":
        """Apply the inverse."""
        return self.replace(undo=not self.undo)

    def targets(self) -> tuple[Place, ...]:
        """Return the place that changes."""
        return (self.target,)
