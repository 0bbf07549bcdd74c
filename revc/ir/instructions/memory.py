"""``alloc`` and ``free``: registers that begin and end with a known value; ``forget`` asks none.

`alloc` makes a register that holds the value; `free` removes one after checking that it does.
`forget` removes one whatever it holds: no statement of a program undoes it, and a run that is to
come back keeps what was forgotten (`Recall`).
Source: Bennett, "Logical Reversibility of Computation" (1973): ancillas return to a known state.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self

from revc.ir.expr import Expr, Place
from revc.ir.instructions.base import Env, Instruction, live
from revc.ir.memo import per_node
from revc.ir.types import RegType

if TYPE_CHECKING:
    from revc.ir.program import Block


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
        return Free(span=self.span, name=self.name, type=self.type, value=self.value)

    def values(self) -> tuple[Expr, ...]:
        """Return the value."""
        return (self.value,)

    def targets(self) -> tuple[Place, ...]:
        """Return the new register."""
        return (Place(span=self.span, name=self.name),)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the value."""
        return self.replace(value=expr(self.value))


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
        return Alloc(span=self.span, name=self.name, type=self.type, value=self.value)

    def values(self) -> tuple[Expr, ...]:
        """Return the value."""
        return (self.value,)

    def targets(self) -> tuple[Place, ...]:
        """Return the register that ends."""
        return (Place(span=self.span, name=self.name),)

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Map the value."""
        return self.replace(value=expr(self.value))


class Forget(Instruction):
    """Remove register `name` of `type`, whatever it holds."""

    kind: Literal["forget"] = "forget"
    name: str
    type: RegType

    def step(self, env: Env) -> None:
        """Drop the register."""
        live(env, self.name)
        del env[self.name]

    def inverse(self) -> "Recall":
        """Take what the run kept."""
        return Recall(span=self.span, name=self.name, type=self.type)

    def targets(self) -> tuple[Place, ...]:
        """Return the register that ends."""
        return (Place(span=self.span, name=self.name),)


class Recall(Instruction):
    """Make register `name` of `type` with what was forgotten: in the way back of a run alone."""

    kind: Literal["recall"] = "recall"
    name: str
    type: RegType

    def step(self, env: Env) -> None:
        """Add the register."""
        env[self.name] = self.type

    def inverse(self) -> Forget:
        """Forget it."""
        return Forget(span=self.span, name=self.name, type=self.type)

    def targets(self) -> tuple[Place, ...]:
        """Return the register that is made."""
        return (Place(span=self.span, name=self.name),)


@per_node
def forgets(block: "Block") -> bool:
    """Say whether a run of `block` forgets, or recalls, anything."""
    kinds = (Forget, Recall)
    return any(isinstance(step, kinds) for one in block.walk() for step in one.body)
