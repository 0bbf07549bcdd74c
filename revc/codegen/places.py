"""Places in a graph: views of registers, and what is written back through them.

In eager graphs the working state belongs to the graph, and a view is changed in place. In traced
graphs (for torch.compile) steps are functional, and a changed slice is scattered into a copy.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node

from revc.codegen.expressions import int_value
from revc.codegen.tape import Tape
from revc.ir.expr import At, Place, Slice

aten = torch.ops.aten
Size = Callable[[str], Node]


def view(tape: Tape, node: Node, place: Place, size: Size) -> Node:
    """Return the node of the place's slice of `node`, a view."""
    axis = 0
    for item in place.index:
        if isinstance(item, At):
            node = tape.call(aten.select.int, node, axis, int_value(tape, item.position, size))
            continue
        if not is_full(item):
            lo, hi = _bounds(tape, item, size)
            node = tape.call(aten.slice.Tensor, node, axis, lo, hi)
        axis += 1
    return node


def scatter(tape: Tape, whole: Node, part: Node, place: Place, size: Size) -> Node:
    """Return a copy of `whole` with `part` at the place."""
    steps: list[tuple[Any, Node, tuple[Any, ...]]] = []
    node, axis = whole, 0
    for item in place.index:
        if isinstance(item, At):
            position = int_value(tape, item.position, size)
            steps.append((aten.select_scatter.default, node, (axis, position)))
            node = tape.call(aten.select.int, node, axis, position)
            continue
        if not is_full(item):
            lo, hi = _bounds(tape, item, size)
            steps.append((aten.slice_scatter.default, node, (axis, lo, hi)))
            node = tape.call(aten.slice.Tensor, node, axis, lo, hi)
        axis += 1
    for target, base, args in reversed(steps):
        part = tape.call(target, base, part, *args)
    return part


def is_full(item: Slice) -> bool:
    """Say whether a slice is the whole axis."""
    return item.hi is None and item.lo.integer == 0


def is_whole(place: Place) -> bool:
    """Say whether a place is a whole register."""
    return all(isinstance(item, Slice) and is_full(item) for item in place.index)


def _bounds(tape: Tape, item: Slice, size: Size) -> tuple[Any, Any]:
    hi = None if item.hi is None else int_value(tape, item.hi, size)
    return int_value(tape, item.lo, size), hi
