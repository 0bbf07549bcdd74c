"""What a kind of graph decides: how values are evaluated, and how registers change."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch.fx import Node

from revc.codegen.elementwise import is_tensor
from revc.codegen.expressions import Cotangents, int_value
from revc.codegen.pieces import At
from revc.codegen.registers import Registers
from revc.codegen.tape import Tape
from revc.ir.expr import Expr, Place
from revc.ir.keys import Key
from revc.ir.types import Label, Lattice, Numerics
from revc.passes.analysis.separable import Cuts
from revc.runtime.state import alloc_health, lattice

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.gather import Gathering

Pieces = dict[Key, Node]


@dataclass(frozen=True)
class Evaluation:
    """A value's node, and what pulls a cotangent of it back to the leaves of its expression.

    `active` says whether some leaf wants one.
    """

    node: Node
    pull: Callable[[Node], Cotangents]
    active: bool = True


class Target(ABC):
    """A kind of graph. `pieces` are pieces of places, by key, that stand for the whole."""

    def value(self, body: "Body", value: Expr, pieces: Pieces | None = None) -> Node:
        """Evaluate; a plain number becomes a 0-dim tensor."""
        return body.tensor(body.emitter(body.new_tape(), pieces).emit(value))

    def evaluate(self, body: "Gathering", value: Expr, pieces: Pieces | None = None) -> Evaluation:
        """Evaluate for a pull: once, for the rebuild and for the cotangents."""
        tape = body.new_tape()
        emitter = body.emitter(tape, pieces)
        emitter.wanted = body.wanted
        node = emitter.emit(value)
        if not is_tensor(node):
            return Evaluation(body.tensor(node), lambda _: Cotangents([], {}, {}), active=False)
        pull = lambda cot: emitter.cotangents(tape.pullback(node, cot))  # noqa: E731
        return Evaluation(node, pull, tape.wants(node))

    def apart(self, body: "Body", nodes: Sequence[Node]) -> list[Node]:
        """Return nodes for what is passed together, in memory that it does not share if need be."""
        return [*nodes]

    def handed(self, tape: Tape, args: tuple[Node, ...]) -> tuple[Node, ...]:
        """Return what a brought net is called with for its arguments."""
        return args

    def add(self, body: "Body", kind: Numerics, view: Node, value: Node, sign: int) -> Node:
        """Add ``sign * value`` to a view of a register; return the changed view."""
        if isinstance(kind, Label):
            return _add_label(body, kind, view, value, sign)
        if isinstance(kind, Lattice):
            return self.add_lattice(body, kind, view, value, sign)
        return self.add_float(body, view, value, sign)

    def retract(self, body: "Body", kind: Numerics, view: Node, value: Node, sign: int) -> Node:
        """Take back what `add` added; return the changed view."""
        if isinstance(kind, Label):
            return _add_label(body, kind, view, value, -sign)
        if isinstance(kind, Lattice):
            return self.retract_lattice(body, kind, view, value, sign)
        return self.retract_float(body, view, value, sign)

    def hand(self, body: "Gathering", net: Node, parts: Sequence[Node | None]) -> Any:
        """Hand over the gradients of a net's parameters; return those that are returned."""
        return [*parts]

    def unfed(self, body: "Gathering", net: Node) -> Node:
        """Return a net of which all gradients are returned."""
        return net

    @abstractmethod
    def add_lattice(self, body: "Body", kind: Lattice, view: Node, value: Node, sign: int) -> Node:
        """Add a rounded value, of which the health takes note."""

    @abstractmethod
    def retract_lattice(
        self, body: "Body", kind: Lattice, view: Node, value: Node, sign: int
    ) -> Node:
        """Subtract a rounded value."""

    @abstractmethod
    def damped(self, body: "Body", kind: Numerics, cot: Node, value: Node) -> Node:
        """Return the cotangent of an increment: zero where it was clamped."""

    @abstractmethod
    def note_emit(self, body: "Body", value: Node) -> None:
        """Take note of a value that is emitted, if the way back is to compare it."""

    @abstractmethod
    def add_float(self, body: "Body", view: Node, value: Node, sign: int) -> Node:
        """Add to float state."""

    @abstractmethod
    def retract_float(self, body: "Body", view: Node, value: Node, sign: int) -> Node:
        """Subtract from float state."""

    @abstractmethod
    def settle(
        self, registers: Registers, place: Place, changed: list[Node], cuts: Cuts | None = None
    ) -> None:
        """Let a register be what changed views of a place, its pieces, make of it."""

    @abstractmethod
    def negate(self, body: "Body", registers: Registers, place: Place) -> None:
        """Negate a place."""

    @abstractmethod
    def replace(self, body: "Body", registers: Registers, place: Place, fresh: Node) -> None:
        """Put new values into a place."""

    @abstractmethod
    def accumulate(
        self,
        body: "Body",
        cots: Registers,
        place: Place,
        part: Node,
        piece: At = (),
    ) -> None:
        """Add to the cotangent of a place, or of a piece of it."""

    @abstractmethod
    def lent(self, cots: Registers, place: Place, again: bool) -> Node:
        """Return the cotangent of a place for a callee to add to.

        `again` says that one that may overlap it is lent before it in the same call.
        """

    @abstractmethod
    def returned(self, cots: Registers, place: Place, total: Node, again: bool) -> None:
        """Take back what was lent, with what the callee added."""


def _add_label(body: "Body", kind: Label, view: Node, value: Node, sign: int) -> Node:
    size = int_value(body.tape, kind.size, body.size)
    body.health = body.tape.call(alloc_health.watch, value, 0, 64, body.health)
    return body.effect(lattice.add_label_, view, value, sign, size)
