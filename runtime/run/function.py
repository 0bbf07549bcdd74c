"""The autograd Function of a segment: what torch calls of it, forward and backward."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from revc.errors import BindError, DoubleBackwardError
from revc.runtime.handing import fed
from revc.runtime.nets.leaf import is_hooked
from revc.runtime.offload import Offloaded
from revc.runtime.ports import take
from revc.runtime.residuals import Residuals
from revc.runtime.run import back
from revc.runtime.run.descent import Descent, reading_bits
from revc.runtime.run.modes import restored
from revc.runtime.run.run import Run
from revc.runtime.run.snapshots import note

if TYPE_CHECKING:
    from revc.runtime.run.segment import Call


class _Layout(NamedTuple):
    """How the tensors of a segment's Function are grouped."""

    takes: int
    givens: int
    lengths: int


class _Kept(NamedTuple):
    """What a segment that is saved keeps: see `back.pull_kept`."""

    residuals: Residuals | Offloaded
    shapes: tuple[list[torch.Size], list[torch.Size]]


class SegmentFunction(torch.autograd.Function):
    """Stores what the run holds anyway, and the residuals of a segment that is saved."""

    @staticmethod
    def forward(ctx: Any, run: Run, position: int, call: "Call", *tensors: Tensor) -> Any:
        """Return what `Segment.forward` returns; `tensors` are its flow and the nets' tensors."""
        plan = call.segment.plan
        ctx.run, ctx.position, ctx.call = run, position, call
        ctx.set_materialize_grads(False)
        ctx.layout = _Layout(len(plan.float_takes), len(plan.float_givens),
                             int(plan.metered))  # fmt: skip
        givens = [value.shape for value in run.read(run.state, plan.givens)]
        note(position, "begin", [*run.state.values()])
        emits, residuals = run.pass_by(position, call)
        if plan.forgets:
            note(position, "kept", run.kept[position].values)
        if call.keeps:
            note(position, "kept", run.values[position].tensors)
        ctx.kept = None
        if call.saved is not None:
            gives = [run.state[name].shape for name in plan.gives]
            ctx.kept = _Kept(_held(run, position, emits, residuals), (gives, givens))
            del residuals
        ctx.save_for_backward(*tensors[sum(ctx.layout) :])
        ctx.emitted = [(emit.shape, emit.dtype) for emit in emits]
        ctx.mark_non_differentiable(*(e for e in emits if not e.is_floating_point()))
        carriers = [run.carrier(run.state[name]) for name in plan.float_gives]
        lengths = [run.carrier(run.lengths)] if plan.metered and run.lengths is not None else []
        note(position, "end", [*run.state.values()])
        return (*carriers, *emits, *lengths)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        """Return the cotangents of what `forward` took.

        Raises:
            DoubleBackwardError: the gradient is to be differentiated again.
            ReconstructionError: the rebuilt state is not the forward pass's.
        """
        refuse_double()
        note(ctx.position, "back", ())
        run, task, done = ctx.run, torch._C._current_graph_task_id(), False
        try:
            with restored(run.mode), reading_bits():
                found = _pull(ctx, run, task, cotangents)
            done = True
        finally:
            if not done:
                run.drop(task)
        return (None, None, None, *found)


def refuse_double() -> None:
    """Refuse to be differentiated again.

    Raises:
        DoubleBackwardError: gradients are recorded in a backward pass.
    """
    if torch.is_grad_enabled():
        raise DoubleBackwardError(
            "a reversible backward pass cannot be differentiated again: run it without create_graph"
        )


def _pull(ctx: Any, run: Run, task: int, cotangents: Sequence[Tensor | None]) -> list[Any]:
    segment, layout = ctx.call.segment, ctx.layout
    plan, bounds = segment.plan, ctx.call.bounds
    call = replace(ctx.call, nets=segment.nets_of(run, bounds, ctx.saved_tensors))
    cots = dict(zip(plan.float_gives, cotangents, strict=False))
    own = is_hooked(segment)  # hooks may hold what they saw
    d_gives = [_owned(cots.get(name), own) for name in plan.gives]
    rest = cotangents[len(cots) :]
    d_emits = [
        torch.zeros(shape, dtype=dtype, device=run.mode.device) if cot is None else cot
        for cot, (shape, dtype) in zip(rest, ctx.emitted, strict=False)
    ]
    d_lengths = cotangents[-1] if layout.lengths else None
    needed = iter(ctx.needs_input_grad[3 + layout.takes :])
    by_name = dict(zip(plan.float_givens, take(needed, layout.givens), strict=True))
    take(needed, layout.lengths)
    by_net = [take(needed, len(bound.tensors)) for bound in bounds]
    del cotangents, cots, rest
    descent = run.descent(task)
    if call.saved is not None and not run.clamped:
        descent.rest(ctx.position)
        kept, shapes = _spent(ctx, run, descent)
        takes, givens, grads_of = back.pull_kept(run, call, kept, shapes, d_gives, d_emits)
        if not descent.keeps_graph:
            run.kept.pop(ctx.position, None)
    else:
        call = replace(call, nets=_fed(ctx, run, call))
        descent.reach(ctx.position + 1)
        note(ctx.position, "reached", ())
        wanted = [*(by_name.get(name, False) for name in plan.givens), *(any(w) for w in by_net)]
        takes, givens, grads_of = back.pull_back(
            run, ctx.position, call, descent, d_gives, d_emits, d_lengths, wanted
        )
    found: list[Any] = [d for n, d in zip(plan.takes, takes, strict=True) if n not in plan.labels]
    found += [d for n, d in zip(plan.givens, givens, strict=True) if n not in plan.labels]
    found += [d_lengths] * layout.lengths
    for bound, grads, flags in zip(bounds, grads_of, by_net, strict=True):
        grads = (None,) * len(bound.tensors) if grads is None else grads
        pairs = zip(grads, bound.tensors, flags, strict=True)
        found += [g.to(t.dtype) if want and g is not None else None for g, t, want in pairs]
    return found


def _fed(ctx: Any, run: Run, call: "Call") -> tuple[Any, ...]:
    """Return the nets of a segment, of which what no other segment uses is fed."""
    if call.segment.compiled_with is not None:
        return call.nets
    nodes = iter(ctx.next_functions[sum(ctx.layout) :])
    found = []
    for bound, net in zip(call.bounds, call.nets, strict=True):
        own = zip(bound.tensors, take(nodes, len(bound.tensors)), strict=True)
        alone = [node if run.calls.is_alone(t) else None for t, (node, _) in own]
        found.append(net if bound.brought else fed(net, alone))
    return tuple(found)


def _held(
    run: Run, position: int, emits: Sequence[Tensor], residuals: Any
) -> Residuals | Offloaded:
    """Return the residuals of a segment as its action wants them: here, or on the host."""
    if run.schedule[position].kind == "save":
        note(position, "residuals", residuals)
        return Residuals(residuals)
    found = run.offloaded[position] = Offloaded(residuals, [*emits, *run.state.values()])
    note(position, "host", found.host)
    return found


def _spent(
    ctx: Any, run: Run, descent: Descent
) -> tuple[list[Any], tuple[list[torch.Size], list[torch.Size]]]:
    """Return what a saved segment kept, which goes with this pass unless the graph is retained.

    Raises:
        BindError: a backward pass has been here, and did not retain the graph.
        ReconstructionError: a given or an emit was changed in place since the forward pass.
    """
    run.check_watched(results=False)
    kept: _Kept | None = ctx.kept
    if kept is None:
        raise BindError(f"{run.interface.name}: {run.SPENT}")
    if not torch._C._autograd._get_current_graph_task_keep_graph():
        ctx.kept = None
    if isinstance(kept.residuals, Offloaded):
        return descent.fetch(ctx.position), kept.shapes
    return kept.residuals.boxed(f"{run.interface.name}, {run.names[ctx.position]}"), kept.shapes


def _owned(cot: Tensor | None, hooked: bool) -> Tensor | None:
    """Return a cotangent that the graphs may write to."""
    if cot is None or (cot.is_contiguous() and not hooked):
        return cot
    return cot.clone(memory_format=torch.contiguous_format)
