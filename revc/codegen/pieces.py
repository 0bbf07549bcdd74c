"""Pieces of tensors in a graph: cut along the batch, and each piece along the sequence."""

from collections.abc import Iterator, Sequence

import torch
from torch.fx import Node

from revc.codegen.tape import Tape
from revc.codegen.values import view_shape
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.instructions import Add
from revc.ir.live_types import typed
from revc.ir.program import Block
from revc.ir.types import RegType
from revc.passes.analysis.separable import Axes, Cuts, cuts_of
from revc.runtime.chunks import Chunks

aten = torch.ops.aten

At = tuple[tuple[int, int, int], ...]
"""Where a piece is in a whole: axis, index and count, one cut after the other."""


def cuts_for(step: Add, kind: RegType, block: Block, chunks: Chunks) -> Cuts | None:
    """Return how an increment of a register of type `kind` is cut, None if it runs whole."""
    if chunks.pieces == 1:
        return None
    shape = view_shape(kind, step.target)
    return cuts_of(step.value, step.target, shape, block.nets, chunks, block.turns)


def sequences_of(model: Block, chunks: Chunks) -> Iterator[tuple[Dim, Span]]:
    """Yield the free sizes that a model's increments are cut along as sequences, and where."""
    if chunks.sequence == 1:
        return
    for block in model.walk():
        for step, types, _ in typed(block):
            if not isinstance(step, Add):
                continue
            kind = types[step.target.name]
            cuts = cuts_for(step, kind, block, chunks)
            if cuts is not None and cuts.counts[1] > 1:
                size = view_shape(kind, step.target)[1]
                if size.integer is None:
                    yield size, step.span


def cut(tape: Tape, node: Node, cuts: Cuts, axes: Axes) -> list[Node]:
    """Return views of the pieces of a value in order, the sequence's within the batch's.

    Along an axis that the value has not, its pieces are the same.
    """
    batch, sequence = cuts.counts
    rows = _along(tape, node, axes[0], batch)
    return [piece for row in rows for piece in _along(tape, row, axes[1], sequence)]


def joined(tape: Tape, nodes: Sequence[Node], counts: tuple[int, int]) -> Node:
    """Return the whole, in memory of its own, of whose pieces these are all."""
    batch, sequence = counts
    rows = [nodes[first : first + sequence] for first in range(0, len(nodes), sequence)]
    whole = [row[0] if sequence == 1 else tape.call(aten.cat.default, [*row], 1) for row in rows]
    return whole[0] if batch == 1 else tape.call(aten.cat.default, whole, 0)


def place_of(index: int, cuts: Cuts, axes: Axes) -> At:
    """Return where the piece at an index lies in a value that is cut along its `axes`."""
    at = divmod(index, cuts.counts[1])
    steps = zip(axes, at, cuts.counts, strict=True)
    return tuple((axis, one, count) for axis, one, count in steps if axis is not None)


def view(tape: Tape, node: Node, at: At) -> Node:
    """Return a view of one piece of a value."""
    for axis, index, count in at:
        pieces = tape.call(aten.tensor_split.sections, node, count, axis)
        node = tape.item(pieces, index)
    return node


def _along(tape: Tape, node: Node, axis: int | None, count: int) -> list[Node]:
    if axis is None or count == 1:
        return [node] * count
    whole = tape.call(aten.tensor_split.sections, node, count, axis)
    return [tape.item(whole, index) for index in range(count)]
