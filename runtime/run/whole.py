"""The whole program as one autograd Function: what torch.compile traces.

A compiler takes the forward pass as one graph and the backward pass as another; nothing but tensors
goes from one to the other. In eager mode a run goes segment by segment instead.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.runtime.interface import Interface
from revc.runtime.keeping import Values
from revc.runtime.metered import run_ops
from revc.runtime.metered.key_costs import cost
from revc.runtime.nets.traced_keys import KeysAgain, TracedKeys
from revc.runtime.ports import take
from revc.runtime.run import guard
from revc.runtime.run.function import refuse_double
from revc.runtime.run.holder import Ran
from revc.runtime.run.intake import admit_compiled, extremes
from revc.runtime.run.lowering import lower
from revc.runtime.run.modes import RunMode, canonical
from revc.runtime.run.tied import tie
from revc.runtime.run.traced_nets import brought, nets_of, tensors_of
from revc.runtime.state import drift
from revc.runtime.state.alloc_health import new_health

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel


def run_whole(
    model: "ReversibleModel", mode: RunMode, values: dict[str, Tensor]
) -> tuple[list[Tensor], Ran]:
    """Run a traced program; return views and emits, and what the run leaves."""
    at = model.interface
    ending = lower(model.code, model.spelled, _counts(model, mode.sizes))
    mode = replace(mode, training=tuple([module.training for module in brought(model)]))
    givens = [values[slot.name] for slot in at.givens]
    nets = [tensors_of(model, name) for name in at.nets]
    counts = tuple([len(tensors) for tensors in nets])
    takes = [values[slot.name] for slot in at.takes]
    inputs = (*_distinct([*takes, *givens]), *[t for net in nets for t in net])
    recorded = torch.is_grad_enabled() and any(value.requires_grad for value in inputs)
    # Dynamo (2.13) calls a Function that nothing flows back through without its context.
    run = Whole.apply if recorded else partial(Whole.forward, _Unrecorded())
    out = run(model, mode, counts, ending, *inputs)
    count = len(at.gives) + len(at.emits)
    rest = iter(out[count:])
    lengths = next(rest) if at.plan else None
    views = out[: len(at.gives)]
    raw = [
        view if slot.kind == "float32" else next(rest)
        for slot, view in zip(at.gives, views, strict=True)
    ]
    ticket, charge = next(rest) if at.plan else None, next(rest, None)
    ran = Ran(tuple(raw), tuple(givens), lengths, at.plan.rows, ticket=ticket, charge=charge)
    return list(out[:count]), ran


def _distinct(values: Sequence[Tensor]) -> list[Tensor]:
    """Return the values, a copy of each that came before: no unit may take a tensor twice."""
    found: list[Tensor] = []
    for value in values:
        again = any(value is other for other in found)
        found.append(value.clone() if again else value)
    return found


def _counts(model: "ReversibleModel", sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of turns of a model's loops, if its schedule tells turns apart."""
    if len(model.schedule) == 1:
        return ()
    at = model.interface
    named = dict(zip(at.sizes, sizes, strict=True))
    return tuple([plan.count(named) for plan in at.segments])


class _Unrecorded:
    """The context of a run that nobody differentiates."""

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep nothing."""

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Note nothing."""

    def set_materialize_grads(self, value: bool) -> None:
        """Note nothing."""


class Whole(torch.autograd.Function):
    """Forward runs the forward graph; backward rebuilds every activation in the VJP graph."""

    @staticmethod
    def forward(
        ctx: Any, model: "ReversibleModel", mode: RunMode, counts: tuple[int, ...], ending: str,
        *tensors: Tensor,
    ) -> Any:  # fmt: skip
        """Return views.., emits.., code lengths if there are any, raw lattice and label registers..

        `tensors` are the registers, the givens and the tensors of the nets, of which each net has
        as many as `counts` says; `ending` ends the names of the graphs. A run with bits gives its
        ticket last; one without what its keys cost, if its nets drew any.
        """
        at = model.interface
        registers = tensors[: len(at.takes) + len(at.givens)]
        run = run_ops.new_run()
        bits, lengths = _open(model, mode, run)
        ticket = bits[1:]
        keys = TracedKeys(model.stacks.key, ticket[0] if ticket else None, mode.device, run)
        with canonical(brought(model), mode):
            nets = nets_of(model, mode, counts, tensors[len(registers) :], keys)
            sites = [at.plan.sites] if at.plan else []
            args = (*registers, *nets, *mode.sizes, *mode.tail, *bits[:1], *lengths, *sites)
            kept = [Values()] if ending else []
            graph = getattr(model.graphs, f"traced_forward{ending}")
            out = list(graph(*args, *kept, new_health(mode.device)))
        views, emits, raw, checks, trail = _cut(at, out)
        ctx.rows = [int(part.shape[0]) for part in trail]
        # A label is its own raw state: Dynamo loses track of a result that is there twice.
        views = [v if v.is_floating_point() else v.clone() for v in views]
        done = [guard.settle(torch.cat(trail), ctx.rows, model.key)]
        if registers:
            pairs = zip(at.entries, registers, strict=True)
            ends = torch.stack([extremes(slot, value) for slot, value in pairs])
            done += [admit_compiled(ends, mode.sizes, model.key).float()]
        done += [run_ops.finish_run(*bits, len(keys.calls), mode.device)] if bits else []
        # Whichever of them a caller keeps: a check that nothing depends on would be dropped.
        zero = torch.stack(done).sum()
        views, emits, lengths = (
            [value + zero.to(value.dtype) for value in values] for values in (views, emits, lengths)
        )
        ctx.model, ctx.mode, ctx.counts, ctx.ending = model, mode, counts, ending
        held = [tensor for values in kept for tensor in values.tensors]
        ctx.frames = [count for values in kept for count in values.counts]
        ctx.dtypes = [tensor.dtype for tensor in tensors]
        ctx.emitted = [(emit.shape, emit.dtype) for emit in emits]
        # Sizes that Dynamo computed here are not to be had in `backward`.
        ctx.lengths = [((len(at.plan.rows), mode.examples), x.dtype) for x in lengths]
        ctx.tickets = len(ticket)
        ctx.calls, seed = keys.calls, [] if keys.seed is None else [keys.seed]
        ctx.save_for_backward(*raw, *tensors[len(at.takes) :], *held, *checks, *ticket, *seed)
        last = ticket or [cost(len(keys.calls), mode.examples, mode.device) for _ in seed]
        hidden = [value for value in raw if not value.is_floating_point()]
        ctx.mark_non_differentiable(*hidden, *last)
        ctx.set_materialize_grads(False)  # zeros for the hidden state would be two more streams
        return (*views, *emits, *lengths, *hidden, *last)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        """Return the cotangents of what `forward` took.

        Raises:
            DoubleBackwardError: the gradient is to be differentiated again.
            ReconstructionError: the rebuilt state is not the forward pass's.
        """
        refuse_double()
        needed = ctx.needs_input_grad[4:]
        found = _pull(ctx, cotangents, needed)
        cast = [
            grad.to(dtype) if needs and grad is not None else None
            for grad, dtype, needs in zip(found, ctx.dtypes, needed, strict=True)
        ]
        return (None, None, None, None, *cast)


def _cut(at: Interface, out: list[Tensor]) -> tuple[list[Tensor], ...]:
    gives, emits, segments = len(at.gives), len(at.emits), len(at.segments)
    ends = (gives, gives + emits, 2 * gives + emits, len(out) - segments, len(out))
    return tuple(out[start:end] for start, end in zip((0, *ends), ends, strict=False))


def _open(
    model: "ReversibleModel", mode: RunMode, number: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Open the session of a run; return its token and ticket, and its code lengths, if any."""
    plan = model.interface.plan
    if not plan:
        return [], []
    lengths = torch.zeros(len(plan.rows), mode.examples, dtype=mode.wide, device=mode.device)
    run = (model.stacks.key, mode.examples, mode.device, model.training, list(mode.sizes))
    return list(run_ops.open_run(*run, number)), [lengths]


def _zeros(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.zeros(tuple(shape), dtype=dtype, device=device)


def _pull(
    ctx: Any, cotangents: Sequence[Tensor | None], needed: Sequence[bool]
) -> list[Tensor | None]:
    """Run the VJP graph, whose checks the gradients that are `needed` then depend on."""
    model, mode = ctx.model, ctx.mode
    at, wide, device = model.interface, ctx.mode.wide, ctx.mode.device
    values = iter(ctx.saved_tensors)
    groups = (len(at.gives), len(at.givens), sum(ctx.counts))
    raw, givens, tensors = (take(values, size) for size in groups)
    kept = [Values([tuple(take(values, count)) for count in ctx.frames])] if ctx.ending else []
    checks = list(values)
    keys = KeysAgain(checks.pop() if ctx.calls else None, ctx.calls)
    ticket = [checks.pop()] if ctx.tickets else []
    cots = iter(cotangents)
    # How a caller's cotangents lie is not known where this is traced.
    d_views = [
        _zeros(value.shape, wide, value.device) if cot is None else cot.contiguous()
        for value, cot in zip(raw, take(cots, len(raw)), strict=True)
    ]
    shapes = [*ctx.emitted, *ctx.lengths]
    d_rest = [
        _zeros(shape, dtype, device) if cot is None else cot
        for cot, (shape, dtype) in zip(cots, shapes, strict=False)
    ]
    d_emits, d_lengths = d_rest[: len(ctx.emitted)], d_rest[len(ctx.emitted) :]
    d_givens = [_zeros(value.shape, wide, value.device) for value in givens]
    first = [*d_views, *d_emits, *d_lengths][:1]
    token = [run_ops.turn_back(one, first[0]) for one in ticket]
    with canonical(brought(model), mode):
        args = (
            *raw,
            *d_views,
            *givens,
            *d_givens,
            *d_emits,
            *nets_of(model, mode, ctx.counts, tensors, keys),
        )
        sites = [at.plan.sites] if at.plan else []
        known = checks if at.exact else []
        tail = (*mode.sizes, *mode.tail, *token, *d_lengths, *sites)
        graph = getattr(model.graphs, f"traced_vjp{ctx.ending}")
        out = iter(graph(*args, *tail, *kept, new_health(device), *known))
    inputs = len(at.takes) + len(at.givens)
    found: list[Tensor | None] = take(out, inputs)
    for count in ctx.counts:
        grads = next(out)
        found += [None] * count if grads is None else list(grads)
    wrong = list(out) if at.exact else drift.drifted(list(out), checks, raw, model.drift)
    if wrong:
        tie(found, needed, inputs, guard.verify(torch.cat(wrong), ctx.rows, model.key))
    if token:
        forth = run_ops.come_forth(token[0], ticket[0], at.exact, device)
        tie(found, needed, inputs, forth)
    return found
