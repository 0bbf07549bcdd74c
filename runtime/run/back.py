"""A segment on the way back: undone, pulled as it is undone, or pulled from what it kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.runtime.ports import take
from revc.runtime.state.alloc_health import damping

if TYPE_CHECKING:
    from revc.runtime.keeping import Values
    from revc.runtime.run.descent import Descent
    from revc.runtime.run.run import Run
    from revc.runtime.run.segment import Call


def untake(run: "Run", position: int, call: "Call", descent: "Descent") -> None:
    """Take back the segment at `position` by its inverse graph."""
    plan, state = call.segment.plan, descent.state
    args: list[Any] = [
        *run.taken(state, plan.gives),
        *run.read(state, plan.givens),
        *call.nets,
    ]
    bits = run.bits(None) if plan.metered else []
    bits += run.forgotten(position, descent) if plan.forgets else []
    args += [*run.sizes_of(call), *run.mode.tail, *bits, descent.health]
    with run.keys.passing(position, back=True):
        takes, descent.health = plan.ports.undone(call.graphs.inverse(*args))
    state.update(zip(plan.takes, takes, strict=True))
    descent.position = position


def pull_back(
    run: "Run", position: int, call: "Call", descent: "Descent", cots: Sequence[Tensor | None],
    d_emits: Sequence[Tensor], d_lengths: Tensor | None, wanted: Sequence[bool],
) -> tuple[Sequence[Tensor | None], list[Tensor | None], list[Any]]:  # fmt: skip
    """Take back the segment at `position`, and pull cotangents through it.

    Returns the cotangents of the registers it took, of its givens, and of its nets.

    Raises:
        ReconstructionError: the rebuilt state is not the forward pass's.
    """
    plan, state = call.segment.plan, descent.state
    raws = run.taken(state, plan.gives)
    d_raws = [run.zero(raw) if cot is None else cot for raw, cot in zip(raws, cots, strict=True)]
    givens = run.read(state, plan.givens)
    flags = list(wanted[: len(givens)])
    d_givens = [run.zero(g) if want else None for g, want in zip(givens, flags, strict=True)]
    graph = call.graphs.vjp(flags, wanted[len(givens) :])
    bits = run.bits(d_lengths) if plan.metered else []
    bits += run.forgotten(position, descent) if plan.forgets else []
    bits += [_valued(run, position, descent)] if call.keeps else []
    args = [*raws, *d_raws, *givens, *d_givens, *d_emits, *call.nets, *run.sizes_of(call)]
    args += [*run.mode.tail, *bits, descent.health]
    del raws, d_raws, givens, d_givens, d_emits
    with damping(run.clamped), run.emitted.noted(), run.keys.passing(position, back=True):
        out = plan.ports.pulled(graph(*args))
    state.update(zip(plan.takes, out.takes, strict=True))
    descent.position = position
    differs = run.emitted.differs(position, descent.health, out.health)
    if differs is not None:
        descent.note_emits(position, differs)
    descent.health = out.health
    verify(run, position, descent)
    return out.cotangents, out.givens, out.nets


def _valued(run: "Run", position: int, descent: "Descent") -> "Values":
    """Return the values that were kept of a segment; copies if another way back may follow."""
    values = run.values
    return values[position].reading() if descent.keeps_graph else values.pop(position)


def verify(run: "Run", position: int, descent: "Descent") -> None:
    """Compare the rebuilt state in front of a segment with the forward pass's."""
    if run.marks.on:
        live = run.steps[position].segment.live
        descent.note(position, run.marks.compare(position, live, descent.state))


def pull_kept(
    run: "Run", call: "Call", kept: Any, shapes: Sequence[Sequence[torch.Size]],
    cots: Sequence[Tensor | None], d_emits: Sequence[Tensor],
) -> tuple[Sequence[Tensor | None], list[Tensor | None], list[Any]]:  # fmt: skip
    """Pull cotangents through a segment that was saved, from its residuals `kept`, to be emptied.

    `shapes` are those of the registers that it gave, and of its givens.

    Returns the cotangents of the registers it took, of its givens, and of its nets.
    """
    plan, saved = call.segment.plan, call.saved
    assert saved is not None
    zeros = lambda shape: torch.zeros(shape, dtype=run.mode.wide, device=run.mode.device)  # noqa: E731
    d_gives = [zeros(s) if cot is None else cot for cot, s in zip(cots, shapes[0], strict=True)]
    givens = [run.givens.get(name) for name in plan.givens]
    wanted = zip(shapes[1], saved.givens, strict=True)
    d_givens = [zeros(shape) if want else None for shape, want in wanted]
    args = [kept, *d_gives, *givens, *d_givens, *d_emits, *call.nets, *run.sizes_of(call)]
    del d_gives, cots, d_emits
    found = iter(saved.pull(*args, *run.mode.tail))
    return take(found, len(plan.takes)), take(found, len(plan.givens)), list(found)
