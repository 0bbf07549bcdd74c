"""``mix`` and ``apply``: invertible linear maps and named bijections.

Typed, checked, inverted and printed; their lifting steps and exact forms are still to come.
Sources: Kingma, Dhariwal, "Glow" (2018), section 3.2 for the LU form; Tomczak, Welling,
"Improving VAEs using Householder Flow" (2016).
"""

from typing import Literal

from revc.ir.expr import Place
from revc.ir.instructions.base import Env, Unsupported, live


class Mix(Unsupported):
    """Multiply the last axis of `target` by an invertible matrix, or its inverse when `undo`."""

    kind: Literal["mix"] = "mix"
    target: Place
    family: Literal["permutation", "orthogonal", "householder", "lu"]
    settings: dict[str, int | float | None]
    undo: bool = False

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Mix":
        """Multiply by the inverse."""
        return self.model_copy(update={"undo": not self.undo})

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is mixed."""
        return (self.target,)


class Apply(Unsupported):
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

    def targets(self) -> tuple[Place, ...]:
        """Return the place that changes."""
        return (self.target,)
