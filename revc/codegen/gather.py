"""The cotangents of a VJP graph under construction: where each is, and how parts are added."""

from abc import abstractmethod
from typing import Any

from torch.fx import Node

from revc.codegen.body import Body
from revc.codegen.expressions import Cotangents
from revc.codegen.pieces import At
from revc.codegen.registers import Registers
from revc.codegen.targets.base import Evaluation, Pieces
from revc.ir.expr import Expr, Place
from revc.runtime import cotangents


class Gathering(Body):
    """Holds the cotangents of registers, of givens that want one, of lets and of nets.

    A tuple or list of `params` has one entry for each parameter of a built-in net.
    """

    cots: Registers
    given_cots: Registers
    params: dict[int, Any]

    def wanted(self, leaf: Place | int) -> bool:
        """Say whether a leaf of an expression wants a cotangent."""
        if isinstance(leaf, int):
            return self.wants_net(leaf)
        return self.cots_with(leaf.name) is not None

    @abstractmethod
    def wants_net(self, slot: int) -> bool:
        """Say whether the parameters of a net want cotangents."""

    def evaluate(self, value: Expr, pieces: Pieces | None = None) -> Evaluation:
        """Evaluate an expression once, for its value and for the cotangents of its leaves."""
        return self.target.evaluate(self, value, pieces)

    def cots_with(self, name: str) -> Registers | None:
        """Return the cotangents among which that of a register, given or let is, if it has one."""
        return next((held for held in (self.cots, self.given_cots) if name in held), None)

    def net_cotangents(self, slot: int) -> Any:
        """Return the cotangents of a slot's parameters, a tuple or a node of one."""
        found = self.params.get(slot)
        return tuple(found) if isinstance(found, list) else found

    def cotangent(self, place: Place) -> Node:
        """Return the cotangent of a place of a register, a view."""
        return self.cots.view(place)

    def replace_cotangent(self, target: Place, fresh: Node) -> None:
        """Put a new cotangent in a place's."""
        self.target.replace(self, self.cots, target, fresh)

    def add_cotangent(self, place: Place, part: Node, piece: At = ()) -> None:
        """Add to the cotangent of a register, given or let, or of a piece of it."""
        cots = self.cots_with(place.name)
        if cots is not None:
            self.target.accumulate(self, cots, place, part, piece)

    def gather(self, found: Cotangents) -> None:
        """Add the cotangents of an expression's leaves to what is there."""
        for place, part in found.reads:
            self.add_cotangent(place, part)
        for slot, parts in found.params.items():
            known = self.params.get(slot)
            self.params[slot] = parts if known is None else self._sum_params(known, parts)
        for slot, node in found.nets.items():
            known = self.params.get(slot)
            known = tuple(known) if isinstance(known, list) else known
            total = node if known is None else self.tape.call(cotangents.add, known, node)
            self.params[slot] = total

    def _sum_params(self, known: Any, parts: list[Node | None]) -> Any:
        if not isinstance(known, list):
            return self.tape.call(cotangents.add, known, tuple(parts))
        return [
            b if a is None else a if b is None else self.tape.call(cotangents.add, a, b)
            for a, b in zip(known, parts, strict=True)
        ]
