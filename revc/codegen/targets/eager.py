"""Graphs that run as they are: state and cotangents belong to the graph and change in place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from revc.codegen import pieces, places
from revc.codegen.pieces import At
from revc.codegen.registers import Registers
from revc.codegen.targets.base import Target
from revc.ir.expr import Place
from revc.ir.types import Lattice, Numerics
from revc.passes.analysis.separable import Cuts
from revc.runtime import handing
from revc.runtime.state import alloc_health, lattice

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.gather import Gathering

aten = torch.ops.aten


class Eager(Target):
    """Changes registers through views of them."""

    def add_lattice(self, body: "Body", kind: Lattice, view: Node, value: Node, sign: int) -> Node:
        """Watch the value, then add it."""
        bits = kind.fraction_bits
        body.health = body.tape.call(alloc_health.watch, value, bits, kind.width, body.health)
        return body.effect(lattice.add_, view, value, sign, bits)

    def retract_lattice(
        self, body: "Body", kind: Lattice, view: Node, value: Node, sign: int
    ) -> Node:
        """Add the negative, which rounds to the negative."""
        return body.effect(lattice.add_, view, value, -sign, kind.fraction_bits)

    def damped(self, body: "Body", kind: Numerics, cot: Node, value: Node) -> Node:
        """Ask the run whether it clamped anything."""
        if not isinstance(kind, Lattice):
            return cot
        return body.tape.call(alloc_health.damp, cot, value, kind.fraction_bits, kind.width)

    def note_emit(self, body: "Body", value: Node) -> None:
        """Let the health take note."""
        body.health = body.tape.call(alloc_health.note_emit, value, body.health)

    def add_float(self, body: "Body", view: Node, value: Node, sign: int) -> Node:
        """Add in place."""
        return body.effect(aten.add_.Tensor, view, value, alpha=sign)

    def retract_float(self, body: "Body", view: Node, value: Node, sign: int) -> Node:
        """Subtract in place."""
        return body.effect(aten.sub_.Tensor, view, value, alpha=sign)

    def settle(
        self, registers: Registers, place: Place, changed: list[Node], cuts: Cuts | None = None
    ) -> None:
        """Do nothing: the register changed with its views."""

    def hand(self, body: "Gathering", net: Node, parts: Sequence[Node | None]) -> Any:
        """Hand them over as the graph runs."""
        left = body.effect(handing.hand, net, tuple(parts))
        left.meta["hint"] = f"d_{net.target}"
        return left

    def unfed(self, body: "Gathering", net: Node) -> Node:
        """Forget who takes them, as the graph runs."""
        return body.tape.call(handing.unfed, net)

    def negate(self, body: "Body", registers: Registers, place: Place) -> None:
        """Negate in place."""
        body.effect(aten.neg_.default, registers.view(place))

    def replace(self, body: "Body", registers: Registers, place: Place, fresh: Node) -> None:
        """Copy over a part of a register; a whole one is the new tensor."""
        if places.is_whole(place):
            registers.write(place, fresh)
        else:
            body.effect(aten.copy_.default, registers.view(place), fresh)

    def accumulate(
        self,
        body: "Body",
        cots: Registers,
        place: Place,
        part: Node,
        piece: At = (),
    ) -> None:
        """Add in place, through a view."""
        view = pieces.view(body.tape, cots.view(place), piece)
        body.effect(aten.add_.Tensor, view, part)

    def lent(self, cots: Registers, place: Place, again: bool) -> Node:
        """Return a view, which the callee adds through."""
        return cots.view(place)

    def returned(self, cots: Registers, place: Place, total: Node, again: bool) -> None:
        """Do nothing."""


EAGER = Eager()
