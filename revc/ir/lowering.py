"""What instructions are lowered to: the two protocols that code generation implements.

They keep the instructions free of torch: an instruction says which step it is, the implementation
says what that means in a graph.
"""

from typing import TYPE_CHECKING, Protocol

from revc.ir.expr import Expr, Place
from revc.ir.types import RegType, Shape

if TYPE_CHECKING:
    from revc.ir.instructions.linear_maps import Apply, Mix
    from revc.ir.instructions.metered import Coded, Scale, Valve
    from revc.ir.instructions.moves import Move
    from revc.ir.instructions.structure import BlockCall, Repeat


class Lowering(Protocol):
    """Receives the forward steps of a block, in order."""

    def add(self, target: Place, sign: int, value: Expr) -> None:
        """Add ``sign * value`` to `target`."""

    def negate(self, target: Place) -> None:
        """Negate `target`."""

    def swap(self, left: str, right: str) -> None:
        """Exchange two registers."""

    def split(self, source: str, parts: tuple[str, ...], axis: int) -> None:
        """Cut a register into equal parts."""

    def join(self, parts: tuple[str, ...], target: str, axis: int) -> None:
        """Concatenate registers."""

    def permute(self, target: str, order: tuple[int, ...]) -> None:
        """Reorder a register's axes."""

    def reshape(self, target: str, shape: Shape) -> None:
        """Give a register another shape."""

    def squeeze(self, target: str, factor: int, undo: bool) -> None:
        """Move pixels into channels, or back."""

    def alloc(self, name: str, kind: RegType, value: Expr) -> None:
        """Make a register that holds `value`."""

    def free(self, name: str, kind: RegType, value: Expr) -> None:
        """Check that a register holds `value`, and drop it."""

    def let(self, name: str, value: Expr) -> None:
        """Keep a value under a name."""

    def emit(self, name: str, value: Expr) -> None:
        """Hand a value to the caller."""

    def exchange(self, step: "Coded") -> None:
        """Push a register to a stack, or pop it."""

    def valve(self, step: "Valve") -> None:
        """Push a slot's old value and pop a fresh one."""

    def scale(self, step: "Scale") -> None:
        """Multiply, exchanging remainders with the tape."""

    def apply(self, step: "Apply") -> None:
        """Apply a named bijection."""

    def mix(self, step: "Mix") -> None:
        """Multiply the last axis by a matrix."""

    def call(self, step: "BlockCall") -> None:
        """Call a block."""

    def repeat(self, step: "Repeat") -> None:
        """Loop over a body."""


class Pulling(Protocol):
    """Receives the same steps last to first: takes the state back and the cotangents along."""

    def pull_add(self, target: Place, sign: int, value: Expr) -> None:
        """Subtract ``sign * value``, and pull the cotangent through it."""

    def pull_negate(self, target: Place) -> None:
        """Negate state and cotangent."""

    def pull_move(self, step: "Move") -> None:
        """Move state and cotangents back."""

    def pull_alloc(self, name: str, kind: RegType, value: Expr) -> None:
        """Check that a register holds `value`, and drop it with its cotangent."""

    def pull_free(self, name: str, kind: RegType, value: Expr) -> None:
        """Make a register again, with a cotangent of zero."""

    def pull_let(self, name: str, value: Expr) -> None:
        """Pull a let's gathered cotangent through its value."""

    def pull_emit(self, name: str, value: Expr) -> None:
        """Pull the caller's cotangent through an emitted value."""

    def pull_exchange(self, step: "Coded") -> None:
        """Undo an exchange; cotangents go to value and parameters."""

    def pull_valve(self, step: "Valve") -> None:
        """Undo a valve."""

    def pull_scale(self, step: "Scale") -> None:
        """Divide."""

    def pull_apply(self, step: "Apply") -> None:
        """Undo a bijection."""

    def pull_mix(self, step: "Mix") -> None:
        """Multiply by the inverse; the cotangent by the transpose."""

    def pull_call(self, step: "BlockCall") -> None:
        """Call a block's VJP."""

    def pull_repeat(self, step: "Repeat") -> None:
        """Loop over a body's VJP."""
