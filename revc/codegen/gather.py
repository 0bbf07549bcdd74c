"""The cotangents of a VJP graph under construction: where each is, and how parts are added."""

from abc import abstractmethod
from typing import Any

import torch
from torch.fx import Node

from revc.codegen import places
from revc.codegen.expressions import Cotangents
from revc.codegen.forward import Forward
from revc.codegen.registers import Registers
from revc.ir.expr import Place
from revc.runtime import cotangents, traced

aten = torch.ops.aten


class Gathering(Forward):
    """Holds cotangents: of registers (`cots`), of givens and lets, and of the nets' parameters.

    In eager graphs a part is added in place, through a view of the whole; traced graphs are
    functional.
    """

    cots: Registers
    given_cots: dict[str, Node | None]
    params: dict[int, Any]

    def wanted(self, leaf: Place | int) -> bool:
        """Say whether a leaf of an expression wants a cotangent."""
        if isinstance(leaf, int):
            return self.wants_net(leaf)
        if leaf.name in self.cots:
            return True
        return self.given_cots.get(leaf.name) is not None

    @abstractmethod
    def wants_net(self, slot: int) -> bool:
        """Say whether the parameters of a net want cotangents."""

    def net_cotangents(self, slot: int) -> Any:
        """Return the cotangents of a slot's parameters, a tuple or a node of one."""
        found = self.params.get(slot)
        return tuple(found) if isinstance(found, list) else found

    def _cot(self, place: Place) -> Node:
        return places.view(self.tape, self.cots[place.name], place, self.size)

    def cotangent(self, place: Place) -> Node:
        """Return the cotangent of a place of a register, a view."""
        return self._cot(place)

    def replace_cotangent(self, target: Place, fresh: Node) -> None:
        """Put a new cotangent in a place's."""
        if self.options.traced or places.is_whole(target):
            self._write_cot(target, fresh)
        else:
            self.effect(aten.copy_.default, self._cot(target), fresh)

    def gather(self, found: Cotangents) -> None:
        """Add the cotangents of an expression's leaves to what is there."""
        for place, part in found.reads:
            self.add_cotangent(place, part)
        for slot, parts in found.params.items():
            known = self.params.get(slot)
            self.params[slot] = parts if known is None else self._sum_params(known, parts)
        for slot, node in found.nets.items():
            known = self.params.get(slot)
            total = node if known is None else self.tape.call(cotangents.add, known, node)
            self.params[slot] = total

    def _sum_params(self, known: Any, parts: list[Node | None]) -> Any:
        if not isinstance(known, list):
            return self.tape.call(cotangents.add, known, tuple(parts))
        return [
            b if a is None else a if b is None else self.tape.call(cotangents.add, a, b)
            for a, b in zip(known, parts, strict=True)
        ]

    def add_cotangent(self, place: Place, part: Node, piece: tuple[int, int] | None = None) -> None:
        """Add to the cotangent of a register, given or let; of batch piece i of n if `piece`."""
        store = self.cots if place.name in self.cots else self.given_cots
        whole = store[place.name]
        if whole is None:
            return
        view = places.view(self.tape, whole, place, self.size)
        if self.options.traced:
            store[place.name] = self._traced_sum(whole, view, part, place, piece)
            return
        if piece is not None:
            pieces = self.tape.call(aten.tensor_split.sections, view, piece[1], 0)
            view = self.tape.item(pieces, piece[0])
        self.effect(aten.add_.Tensor, view, part)

    def _traced_sum(
        self, whole: Node, view: Node, part: Node, place: Place, piece: tuple[int, int] | None
    ) -> Node:
        if piece is not None:
            part = self.tape.call(cotangents.at_piece, part, view, *piece)
        total = self.tape.call(traced.accumulate, view, part)
        if places.is_whole(place):
            return total
        return places.scatter(self.tape, whole, total, place, self.size)

    def _write_cot(self, target: Place, part: Node) -> None:
        whole = self.cots[target.name]
        if not places.is_whole(target):
            part = places.scatter(self.tape, whole, part, target, self.size)
        self.cots[target.name] = part

    def _given_cot(self, place: Place) -> Node | None:
        store = self.cots if place.name in self.cots else self.given_cots
        whole = store.get(place.name)
        return None if whole is None else places.view(self.tape, whole, place, self.size)

    def _return_given(self, place: Place, node: Node) -> None:
        # Eager callees added in place, through the view; traced ones return the sum.
        if not self.options.traced or self._given_cot(place) is None:
            return
        store = self.cots if place.name in self.cots else self.given_cots
        whole = store[place.name]
        if whole is not None and not places.is_whole(place):
            node = places.scatter(self.tape, whole, node, place, self.size)
        store[place.name] = node
