"""Graphs for torch.compile: steps are functional, expressions are units that compile once.

The forward pass and the rebuild call one unit, so no compiler can fuse them differently. Nets
brought from Python are called outside of units, as they are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from revc.codegen.pieces import At, joined
from revc.codegen.registers import Registers
from revc.codegen.reuse import base_of
from revc.codegen.tape import Tape
from revc.codegen.targets.base import Evaluation, Pieces, Target
from revc.codegen.values import brought_nets
from revc.ir.expr import Expr, Place
from revc.ir.types import Lattice, Numerics
from revc.passes.analysis.separable import Cuts
from revc.runtime import cotangents, traced
from revc.runtime.nets import brought
from revc.runtime.state import lattice

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.gather import Gathering

aten = torch.ops.aten


class Traced(Target):
    """Makes new tensors and writes them into copies of the registers that they are parts of."""

    def value(self, body: "Body", value: Expr, pieces: Pieces | None = None) -> Node:
        """Call the unit of the expression for its value alone."""
        if brought_nets(value, body.block):
            return super().value(body, value, pieces)
        return body.library.unit(value, body).value(body, pieces)

    def evaluate(self, body: "Gathering", value: Expr, pieces: Pieces | None = None) -> Evaluation:
        """Call the unit of the expression, and its pullback."""
        if brought_nets(value, body.block):
            return super().evaluate(body, value, pieces)
        unit = body.library.unit(value, body)
        (node, taken), wanted = unit.primal(body, pieces), unit.wanted(body)
        return Evaluation(node, lambda cot: unit.pull(body, taken, wanted, cot))

    def apart(self, body: "Body", nodes: Sequence[Node]) -> list[Node]:
        """Copy what shares memory with what comes before it, as slices of one register do.

        A nested region may not take two such tensors.
        """
        bases: set[Node] = set()
        found = []
        for node in nodes:
            base = base_of(node)
            found.append(body.tape.call(aten.clone.default, node) if base in bases else node)
            bases.add(base)
        return found

    def handed(self, tape: Tape, args: tuple[Node, ...]) -> tuple[Node, ...]:
        """Hand lattice state over as it is held, to be decoded within what compiles once.

        That is for whole registers, each once: a region may not take two tensors of one memory.
        """
        raws = [arg.args[0] for arg in args if arg.target is lattice.decode]
        return tuple(
            tape.call(brought.coded, *arg.args)
            if arg.target is lattice.decode and _is_whole(arg.args[0], raws)
            else arg
            for arg in args
        )

    def add_lattice(self, body: "Body", kind: Lattice, view: Node, value: Node, sign: int) -> Node:
        """Add and watch in one step."""
        both = body.tape.call(traced.update, view, value, sign, kind.fraction_bits, body.health)
        body.health = body.tape.item(both, 1)
        return body.tape.item(both, 0)

    def retract_lattice(
        self, body: "Body", kind: Lattice, view: Node, value: Node, sign: int
    ) -> Node:
        """Subtract."""
        return body.tape.call(traced.retract, view, value, sign, kind.fraction_bits)

    def damped(self, body: "Body", kind: Numerics, cot: Node, value: Node) -> Node:
        """Look at every value: compiled code is the same for all runs."""
        if not isinstance(kind, Lattice):
            return cot
        return body.tape.call(traced.damp, cot, value, kind.fraction_bits, kind.width)

    def note_emit(self, body: "Body", value: Node) -> None:
        """Do nothing: a compiled way back compares the state alone."""

    def add_float(self, body: "Body", view: Node, value: Node, sign: int) -> Node:
        """Return the sum."""
        return body.effect(aten.add.Tensor, view, value, alpha=sign)

    def retract_float(self, body: "Body", view: Node, value: Node, sign: int) -> Node:
        """Return the difference."""
        return body.effect(aten.sub.Tensor, view, value, alpha=sign)

    def settle(
        self, registers: Registers, place: Place, changed: list[Node], cuts: Cuts | None = None
    ) -> None:
        """Write the changed pieces."""
        counts = (1, 1) if cuts is None else cuts.counts
        registers.write(place, joined(registers.tape, changed, counts))

    def negate(self, body: "Body", registers: Registers, place: Place) -> None:
        """Write the negative."""
        registers.write(place, body.tape.call(aten.neg.default, registers.view(place)))

    def replace(self, body: "Body", registers: Registers, place: Place, fresh: Node) -> None:
        """Write the new values."""
        registers.write(place, fresh)

    def accumulate(
        self,
        body: "Body",
        cots: Registers,
        place: Place,
        part: Node,
        piece: At = (),
    ) -> None:
        """Write the sum."""
        view = cots.view(place)
        if piece:
            part = body.tape.call(cotangents.at_piece, part, view, piece)
        cots.write(place, body.tape.call(traced.accumulate, view, part))

    def lent(self, cots: Registers, place: Place, again: bool) -> Node:
        """Return the cotangent, or zero for what is lent already: it would be counted twice."""
        view = cots.view(place)
        return cots.tape.call(cotangents.zeros_for, view) if again else view

    def returned(self, cots: Registers, place: Place, total: Node, again: bool) -> None:
        """Write the sum that the callee returns, or add it."""
        if again:
            total = cots.tape.call(traced.accumulate, cots.view(place), total)
        cots.write(place, total)


def _is_whole(raw: Any, raws: Sequence[Any]) -> bool:
    return base_of(raw) is raw and raws.count(raw) == 1


TRACED = Traced()
