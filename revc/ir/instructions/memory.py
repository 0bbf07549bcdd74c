"""``alloc`` and ``free``: registers that begin and end with a known value.

`alloc` makes a register that holds the value; `free` removes one after checking that it does.
Source: Bennett, "Logical Reversibility of Computation" (1973): ancillas return to a known state.
"""

from collections.abc import Callable
from typing import Literal, Self

from revc.ir.expr import Expr, Place
from revc.ir.instructions.base import Env, Instruction, live
from revc.ir.make import make
from revc.ir.types import RegType


class Alloc(Instruction):
    """Make register `name` of `type`, equal to `value`."""

    kind: Literal["alloc"] = "alloc"
    name: str
    type: RegType
    value: Expr

    def step(self, env: Env) -> None:
        """Add the register."""
        env[self.name] = self.type

    def inverse(self) -> "Free":
        """Check and remove it."""
        return make(Free, span=self.span, name=self.name, type=self.type, value=self.value)

    def values(self) -> tuple[Expr, ...]:
        """Return the value."""
        return (self.value,)

    def targets(self) -> tuple[Place, ...]:
        """Return the new register."""
        return (make(Place, span=self.span, name=self.name),)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the value."""
        return self.model_copy(update={"value": expr(self.value)})


class Free(Instruction):
    """Remove register `name` of `type`, having checked that it equals `value`."""

    kind: Literal["free"] = "free"
    name: str
    type: RegType
    value: Expr

    def step(self, env: Env) -> None:
        """Drop the register."""
        live(env, self.name)
        del env[self.name]

    def inverse(self) -> Alloc:
        """Make it again."""
        return make(Alloc, span=self.span, name=self.name, type=self.type, value=self.value)

    def values(self) -> tuple[Expr, ...]:
        """Return the value."""
        return (self.value,)

    def targets(self) -> tuple[Place, ...]:
        """Return the register that ends."""
        return (make(Place, span=self.span, name=self.name),)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the value."""
        return self.model_copy(update={"value": expr(self.value)})
