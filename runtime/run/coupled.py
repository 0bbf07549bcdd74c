"""Which nets of a segment must run whole where the program says that they run in pieces."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from revc.runtime.nets.capture.coupling import mixes
from revc.runtime.nets.capture.trace import Sample

if TYPE_CHECKING:
    from revc.runtime.run.run import Run
    from revc.runtime.run.segment import Graphs


def coupled(
    run: "Run", graphs: "Graphs", name: str, modules: Sequence[nn.Module]
) -> frozenset[int]:
    """Return the slots of a segment's graphs whose nets mix examples along the batch."""
    found = set()
    for piece in graphs.pieces(name):
        module, sizes = modules[piece.slot], piece.sizes(run.sizes)
        if piece.slot in found or run.model.capture == "never":
            continue
        if sizes is None or _mixes(run, module, sizes, piece.labels):
            found.add(piece.slot)
    return frozenset(found)


def _mixes(
    run: "Run", module: nn.Module, sizes: Sequence[Sequence[int]], labels: Sequence[bool]
) -> bool:
    batch = sizes[0][0]
    part = -(-batch // run.interface.chunks.batch)
    if batch < 2 or part == batch:
        return False
    made = [
        [_input(run, (rows, *shape[1:]), label) for shape, label in zip(sizes, labels, strict=True)]
        for rows in (batch, part)
    ]
    sample = Sample(tuple(module.parameters()), made[0], run.mode.cast)
    return bool(mixes(module, sample, made[1]))


def _input(run: "Run", shape: Sequence[int], label: bool) -> Tensor:
    """Return a tensor of a shape, whose numbers nobody reads."""
    kind = torch.int64 if label else run.mode.dtype
    made = torch.empty(0, dtype=kind, device=run.mode.device)
    return made.new_empty(()).expand(shape) if label else made.new_empty(shape).requires_grad_()
