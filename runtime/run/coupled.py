"""Which nets of a segment must run whole where the program says that they run in pieces."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.runtime.nets.capture.coupling import mixes
from revc.runtime.nets.capture.trace import Sample
from revc.runtime.run.bound import find

if TYPE_CHECKING:
    from revc.runtime.run.run import Run
    from revc.runtime.run.segment import Graphs


def coupled(run: "Run", graphs: "Graphs", name: str, row: Sequence[str]) -> frozenset[int]:
    """Return the slots of a segment's graphs whose nets, named in `row`, mix what chunks cut."""
    found = set()
    for piece in graphs.pieces(name):
        sizes = piece.sizes(run.sizes)
        if piece.slot in found or run.model.capture == "never":
            continue
        if sizes is None or _mixes(run, row[piece.slot], sizes, piece):
            found.add(piece.slot)
    return frozenset(found)


def _mixes(run: "Run", net: str, sizes: Sequence[Sequence[int]], piece: Any) -> bool:
    axis = piece.axis
    whole = next(shape[axis] for shape, cut in zip(sizes, piece.cut, strict=True) if cut)
    part = -(-whole // piece.count)
    if whole < 2 or part == whole:
        return False
    made = []
    for rows in (whole, part):
        shapes = [
            (*shape[:axis], rows, *shape[axis + 1 :]) if cut else shape
            for shape, cut in zip(sizes, piece.cut, strict=True)
        ]
        made.append([_input(run, s, lab) for s, lab in zip(shapes, piece.labels, strict=True)])
    module = find(run.model.nets, net)
    sample = Sample(tuple(module.parameters()), made[0], run.mode.cast)
    return bool(mixes(module, sample, made[1], axis, piece.cut, run.model.looks[net]))


def _input(run: "Run", shape: Sequence[int], label: bool) -> Tensor:
    """Return a tensor of a shape, whose numbers nobody reads."""
    kind = torch.int64 if label else run.mode.dtype
    made = torch.empty(0, dtype=kind, device=run.mode.device)
    return made.new_empty(()).expand(shape) if label else made.new_empty(shape).requires_grad_()
