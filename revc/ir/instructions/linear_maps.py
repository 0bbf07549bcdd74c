"""``mix`` and ``apply``: invertible linear maps and named bijections.

On a lattice a matrix is a product of lifting steps, each an exact add, and softsign exchanges
remainders with the tape. Float state takes any bijection, up to rounding. Sources: Kingma, Dhariwal, "Glow" (2018), section 3.2 for the LU form; Tomczak, Welling,
"Improving VAEs using Householder Flow" (2016).
"""

from typing import TYPE_CHECKING, Literal

from revc.ir.expr import Place
from revc.ir.instructions.base import Env, Instruction, live

if TYPE_CHECKING:
    from revc.ir.lowering import Lowering, Pulling


class Mix(Instruction):
    """Multiply the last axis of `target` by an invertible matrix, or its inverse when `undo`.

    `slot` holds the parameters of a learned matrix; a permutation has none.
    """

    kind: Literal["mix"] = "mix"
    target: Place
    family: Literal["permutation", "orthogonal", "householder", "lu"]
    settings: dict[str, int | float | None]
    slot: int | None = None
    undo: bool = False

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Mix":
        """Multiply by the inverse."""
        return self.model_copy(update={"undo": not self.undo})

    def lower(self, to: "Lowering") -> None:
        """Multiply."""
        to.mix(self)

    def pull(self, to: "Pulling") -> None:
        """Multiply by the inverse, and the cotangent by the transpose."""
        to.pull_mix(self)

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is mixed."""
        return (self.target,)


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
        return self.model_copy(update={"undo": not self.undo})

    def lower(self, to: "Lowering") -> None:
        """Apply the bijection."""
        to.apply(self)

    def pull(self, to: "Pulling") -> None:
        """Apply the inverse, and multiply the cotangent by the derivative."""
        to.pull_apply(self)

    def targets(self) -> tuple[Place, ...]:
        """Return the place that changes."""
        return (self.target,)
