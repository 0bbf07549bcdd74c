"""``put``, ``draw``, ``valve`` and ``scale``: steps that exchange bits with the tape and reservoir.

Each is a bijection of state, reservoir and tape (see `revc.runtime.metered`). Sources: Townsend,
Bird, Barber, "BB-ANS" (2019) for coding into and sampling out of one stack; Maclaurin, Duvenaud,
Adams, "Gradient-based Hyperparameter Optimization through Reversible Learning" (2015), section 3,
for exact scaling.
"""

from collections.abc import Callable
from typing import ClassVar, Literal, Self

from revc.ir.expr import Expr, Place
from revc.ir.instructions.base import Env, Instruction, live
from revc.ir.types import IRNode, RegType

Side = Literal["put", "draw"]


class Distribution(IRNode):
    """What an entropy coder codes by: a family, its parameters, and its static settings."""

    family: Literal["uniform", "softmax", "logistic", "logistic_mixture", "gaussian", "dropout"]
    params: tuple[Expr, ...]
    settings: dict[str, int | float | str | None]
    residue: Literal["carry", "write", "drop", "none"]
    drop_bits: int = 0

    def map(self, expr: Callable[[Expr], Expr]) -> "Distribution":
        """Map the parameters."""
        return self.replace(params=tuple(expr(param) for param in self.params))


class Metered(Instruction):
    """A step that is booked under a meter; a step without `as` is booked under its kind."""

    meter: str | None
    stack: str | None
    undo: bool = False

    side: ClassVar[Side] = "put"

    @property
    def account(self) -> str:
        """The name that the step is booked under."""
        return self.meter or str(self.kind)  # type: ignore[attr-defined]

    def inverse(self) -> Self:
        """Exchange the other way."""
        return self.replace(undo=not self.undo)


class Coded(Metered):
    """A whole register that goes to a stack or comes from one."""

    target: str
    type: RegType
    by: Distribution

    @property
    def takes(self) -> bool:
        """Whether the register comes out of the stack."""
        return self.undo == (self.side == "put")

    def step(self, env: Env) -> None:
        """Remove the register, or add it."""
        if self.takes:
            env[self.target] = self.type
            return
        live(env, self.target)
        del env[self.target]

    def values(self) -> tuple[Expr, ...]:
        """Return the distribution's parameters."""
        return self.by.params

    def targets(self) -> tuple[Place, ...]:
        """Return the register that moves."""
        return (Place(span=self.span, name=self.target),)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the distribution's parameters."""
        return self.replace(by=self.by.map(expr))


class Put(Coded):
    """Register `target` leaves the state for the tape, or comes back when `undo`."""

    kind: Literal["put"] = "put"


class Draw(Coded):
    """Register `target` comes out of the reservoir, or goes back when `undo`."""

    kind: Literal["draw"] = "draw"

    side: ClassVar[Side] = "draw"


class Valve(Metered):
    """Put the old value of `target` on the tape and draw a fresh one in its place."""

    kind: Literal["valve"] = "valve"
    target: Place
    by: Distribution

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def values(self) -> tuple[Expr, ...]:
        """Return the distribution's parameters."""
        return self.by.params

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is reset."""
        return (self.target,)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the distribution's parameters."""
        return self.replace(by=self.by.map(expr))


class Scale(Metered):
    """Multiply `target` by `factor`, clamped to ``[lo, hi]``; remainders go to the tape."""

    kind: Literal["scale"] = "scale"
    target: Place
    factor: Expr
    lo: float
    hi: float

    def step(self, env: Env) -> None:
        """Leave all types as they are."""
        live(env, self.target.name)

    def values(self) -> tuple[Expr, ...]:
        """Return the factor."""
        return (self.factor,)

    def targets(self) -> tuple[Place, ...]:
        """Return the place that is scaled."""
        return (self.target,)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the factor."""
        return self.replace(factor=expr(self.factor))
