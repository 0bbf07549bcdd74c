"""``let`` and ``emit``: reads, which change no state.

A `let` holds a value over a stretch of the body in which nothing that it reads may change; in the
inverse it therefore stands in front of the same stretch, run the other way. An `emit` hands a value
to the caller; cotangents enter where it stands.
"""

from collections.abc import Callable
from typing import Literal, Self

from revc.ir.expr import Expr
from revc.ir.instructions.base import Env, Instruction


class Let(Instruction):
    """Name `value` as `name`, to be read by the instructions that follow."""

    kind: Literal["let"] = "let"
    name: str
    value: Expr

    def step(self, env: Env) -> None:
        """Leave all types as they are: a let is no register."""

    def inverse(self) -> "Let":
        """Read the same; `revc.ir.invert` moves it in front of its uses."""
        return self

    def binds(self) -> str:
        """Return the name."""
        return self.name

    def values(self) -> tuple[Expr, ...]:
        """Return the value."""
        return (self.value,)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the value."""
        return self.replace(value=expr(self.value))


class Emit(Instruction):
    """Give `value` to the caller as `name`; in a repeat the turns stack on a new axis 0."""

    kind: Literal["emit"] = "emit"
    name: str
    value: Expr

    def step(self, env: Env) -> None:
        """Leave all types as they are."""

    def inverse(self) -> "Emit":
        """Read the same."""
        return self

    def values(self) -> tuple[Expr, ...]:
        """Return the value."""
        return (self.value,)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the value."""
        return self.replace(value=expr(self.value))
