"""The registers of a graph under construction, and the moves on them.

The same moves serve state and cotangents: the VJP of a move is the inverse move.
"""

from collections.abc import Callable

import torch
from torch.fx import Node

from revc.codegen import places
from revc.codegen.expressions import int_value
from revc.codegen.tape import Tape
from revc.ir.expr import Place
from revc.ir.types import Shape
from revc.runtime.state import boundary

aten = torch.ops.aten


class Registers(dict[str, Node]):
    """Live registers by name; each node's tensor belongs to the graph and may change in place."""

    def __init__(self, tape: Tape, size: Callable[[str], Node]) -> None:
        super().__init__()
        self.tape, self.size = tape, size

    def view(self, place: Place) -> Node:
        """Return the node of a place, a view of its register."""
        return places.view(self.tape, self[place.name], place, self.size)

    def write(self, place: Place, part: Node) -> None:
        """Put `part` at a place, in a copy of the register unless that is all of it."""
        if not places.is_whole(place):
            part = places.scatter(self.tape, self[place.name], part, place, self.size)
        self[place.name] = part

    def swap(self, left: str, right: str) -> None:
        """Exchange two names."""
        self[left], self[right] = self[right], self[left]

    def split(self, source: str, parts: tuple[str, ...], axis: int) -> None:
        """Cut into equal contiguous parts."""
        pieces = self.tape.call(aten.chunk.default, self.pop(source), len(parts), axis)
        for index, name in enumerate(parts):
            piece = self.tape.item(pieces, index)
            self[name] = self.tape.call(boundary.dense, piece)

    def join(self, parts: tuple[str, ...], target: str, axis: int) -> None:
        """Concatenate."""
        nodes = [self.pop(name) for name in parts]
        self[target] = self.tape.call(aten.cat.default, nodes, axis)

    def permute(self, target: str, order: tuple[int, ...]) -> None:
        """Reorder the axes, in memory too."""
        turned = self.tape.call(aten.permute.default, self[target], list(order))
        self[target] = self.tape.call(boundary.dense, turned)

    def reshape(self, target: str, shape: Shape) -> None:
        """Give another shape."""
        sizes = [int_value(self.tape, dim, self.size) for dim in shape]
        self[target] = self.tape.call(aten.reshape.default, self[target], sizes)

    def squeeze(self, target: str, factor: int, undo: bool) -> None:
        """Move blocks of pixels into channels, or back."""
        function = aten.pixel_shuffle if undo else aten.pixel_unshuffle
        self[target] = self.tape.call(function.default, self[target], factor)
