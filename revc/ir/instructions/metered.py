"""``put``, ``draw``, ``valve`` and ``scale``: steps that exchange bits with the tape and reservoir.

They are typed, checked, inverted and printed; their runtime is the bit machinery of
`revc.runtime.bits`, which a later version wires in. Sources: Townsend, Bird, Barber, "BB-ANS"
(2019) for coding into and sampling out of one stack; Maclaurin, Duvenaud, Adams, "Gradient-based
Hyperparameter Optimization through Reversible Learning" (2015), section 3, for exact scaling.
"""

from typing import Literal

from revc.ir.expr import Expr, Place
from revc.ir.instructions.base import Env, Unsupported, live
from revc.ir.make import make
from revc.ir.types import IRNode, RegType


class Distribution(IRNode):
    """What an entropy coder codes by: a family, its parameters, and its static settings."""

    family: Literal["uniform", "softmax", "logistic", "logistic_mixture", "gaussian"]
    params: tuple[Expr, ...]
    settings: dict[str, int | float | str | None]
    residue: Literal["carry", "write", "drop", "none"]
    drop_bits: int = 0


class Put(Unsupported):
    """Register `target` leaves the state for the tape, or comes back when `undo`."""

    kind: Literal["put"] = "put"
    target: str
    type: RegType
    by: Distribution
    meter: str | None
    stack: str | None
    undo: bool = False

    def step(self, env: Env) -> None:
        """Remove the register, or add it."""
        if self.undo:
            env[self.target] = self.type
            return
        live(env, self.target)
        del env[self.target]

    def inverse(self) -> "Put":
        """Take it back from the tape."""
        return self.model_copy(update={"undo": not self.undo})

    def values(self) -> tuple[Expr, ...]:
        """Return the distribution's parameters."""
        return self.by.params

    def targets(self) -> tuple[Place, ...]:
        """Return the register that moves."""
        return (make(Place, span=self.span, name=self.target),)


class Draw(Unsupported):
    """Register `target` comes out of the reservoir, or goes back when `undo`."""

    kind: Literal["draw"] = "draw"
    target: str
    type: RegType
    by: Distribution
    meter: str | None
    stack: str | None
    undo: bool = False

    def step(self, env: Env) -> None:
        """Add the register, or remove it."""
        if not self.undo:
            env[self.target] = self.type
            return
        live(env, self.target)
        del env[self.target]

    def inverse(self) -> "Draw":
        """Give it back to the reservoir."""
        return self.model_copy(update={"undo": not self.undo})

    def values(self) -> tuple[Expr, ...]:
        """Return the distribution's parameters."""
        return self.by.params

    def targets(self) -> tuple[Place, ...]:
        """Return the register that moves."""
        return (make(Place, span=self.span, name=self.target),)


class Valve(Unsupported):
    """Put the old value of `target` on the tape and draw a fresh one in its place."""

    kind: Literal["valve"] = "valve"
    target: Place
    by: Distribution
    meter: str | None
    stack: str | None
    undo: bool = False

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Valve":
        """Give the fresh value back and take the old one."""
        return self.model_copy(update={"undo": not self.undo})

    def values(self) -> tuple[Expr, ...]:
        """Return the distribution's parameters."""
        return self.by.params

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is reset."""
        return (self.target,)


class Scale(Unsupported):
    """Multiply `target` by `factor`, clamped to ``[lo, hi]``; remainders go to the tape."""

    kind: Literal["scale"] = "scale"
    target: Place
    factor: Expr
    lo: float
    hi: float
    meter: str | None
    stack: str | None
    undo: bool = False

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def inverse(self) -> "Scale":
        """Divide."""
        return self.model_copy(update={"undo": not self.undo})

    def values(self) -> tuple[Expr, ...]:
        """Return the factor."""
        return (self.factor,)

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is scaled."""
        return (self.target,)
