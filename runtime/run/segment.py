"""A segment: a module with the nets of its turn, executed and differentiated on its own.

What flows from one segment to the next through autograd is, for each register, a *carrier*: a float
tensor of the register's shape that occupies nothing, and whose only use is to carry the cotangent.
The raw state itself travels in the run.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from revc.errors import DoubleBackwardError
from revc.runtime.interface import SegmentPlan
from revc.runtime.nets.brought import Leaf
from revc.runtime.ports import take
from revc.runtime.run.bound import Bound, bind, find, flat, is_hooked, runs_as_module
from revc.runtime.run.descent import reading_bits
from revc.runtime.run.modes import restored
from revc.runtime.run.run import Run


class SegmentGraphs(Protocol):
    """What runs a segment: one graph in each direction, called as `revc.runtime.interface` says."""

    @property
    def forward(self) -> Callable[..., Any]:
        """The forward graph: state before the segment to state behind it, emits, code lengths."""

    @property
    def inverse(self) -> Callable[..., Any]:
        """The inverse graph, without emits and code lengths."""

    def vjp(self, givens: Sequence[bool], nets: Sequence[bool]) -> Callable[..., Any]:
        """Return the VJP graph for the givens and nets that want cotangents."""


class Graphs(Protocol):
    """The graphs of a program: of its segments by name, and of the whole for torch.compile."""

    def segment(
        self, name: str, brought: frozenset[int] = ..., asked: tuple[bool, ...] | None = ...
    ) -> SegmentGraphs:
        """Return the graphs of a segment in which the nets of some slots run as modules.

        `asked` says of which of its givens a cotangent may be wanted, None of all.
        """

    def compiled(
        self,
        name: str,
        brought: frozenset[int],
        how: tuple[tuple[str, Any], ...],
        asked: tuple[bool, ...] | None = ...,
    ) -> SegmentGraphs:
        """Return the graphs of a segment under ``torch.compile(graph, **how)``."""

    def spread(self, name: str, brought: frozenset[int]) -> frozenset[int]:
        """Return the slots that run as modules where `brought` do."""

    traced_forward: nn.Module
    """The forward graph of the whole program, once it is lowered."""

    traced_vjp: nn.Module
    """The VJP graph of the whole program with all cotangents, once it is lowered."""

    def lower_traced(self) -> None:
        """Lower the two, if they are not."""


@dataclass(frozen=True)
class Call:
    """A segment as one run executes it: its graphs, and its nets as they are then.

    `nets` are what the graphs take for each net: its tensors, or a brought module with them.
    """

    segment: "Segment"
    turn: int
    graphs: SegmentGraphs
    bounds: tuple[Bound, ...]
    nets: tuple[Any, ...]


class Segment(nn.Module):
    """A turn of a repeat, a call of a block, or a stretch of statements, with its nets.

    `plan` says what it takes and gives, `live` which registers are alive in front of it. A run
    calls it as a module, so that hooks fire and wrappers (FSDP, say) see it pass; its parameters'
    gradients are accumulated as its backward pass ends.
    """

    def __init__(self, plan: SegmentPlan, graphs: Graphs, live: Iterable[str]) -> None:
        super().__init__()
        self.plan, self.graphs, self.live = plan, graphs, tuple(sorted(live))
        self._how: tuple[tuple[str, Any], ...] | None = None

    @property
    def forward_graph(self) -> Any:
        """The forward graph: registers, givens, nets, sizes and mode to registers and emits."""
        return self.graphs.segment(self.plan.graph).forward

    @property
    def inverse_graph(self) -> Any:
        """The graph that takes the segment back, without emits."""
        return self.graphs.segment(self.plan.graph).inverse

    @property
    def vjp_graph(self) -> Any:
        """The graph that takes the segment back and pulls all cotangents along, in one pass."""
        ports = self.plan.ports
        graphs = self.graphs.segment(self.plan.graph)
        return graphs.vjp((True,) * ports.givens, (True,) * ports.nets)

    def extra_repr(self) -> str:
        """Return the registers that it works on."""
        return f"{self.plan.name}: {', '.join(self.plan.takes)} -> {', '.join(self.plan.gives)}"

    def compile(self, **how: Any) -> None:
        """Compile the segment's graphs, which equal segments share, with ``torch.compile(**how)``.

        Forward, inverse and VJP graph are compiled apart, from units that round the same in each. A
        segment that forgets stays as it is.
        """
        self._how = tuple(sorted(how.items()))

    def row(self, turn: int) -> tuple[str, ...]:
        """Return the names of the nets of a turn."""
        rows = self.plan.rows
        return rows[turn] if len(rows) > 1 else rows[0]

    def call(self, run: Run, position: int) -> Call:
        """Return the segment with its nets as they are now."""
        turn, model = run.steps[position].turn, run.model
        nets = model.nets
        row = self.row(turn)
        modules = [find(nets, name) for name in row]
        known = [model.made[name] for name in row]
        pairs = enumerate(zip(modules, known, strict=True))
        called = frozenset(i for i, (m, k) in pairs if k.kind is not None and runs_as_module(m, k))
        if called:
            called = self.graphs.spread(self.plan.graph, called)
        bounds = [
            bind(name, module, one, index in called)
            for index, (name, module, one) in enumerate(zip(row, modules, known, strict=True))
        ]
        asked = tuple(name not in run.unasked for name in self.plan.givens)
        taken = self.nets_of(run, bounds, flat(bounds))
        return Call(self, turn, self._graphs(called, asked), tuple(bounds), taken)

    def nets_of(
        self, run: Run, bounds: Sequence[Bound], tensors: Sequence[Tensor]
    ) -> tuple[Any, ...]:
        """Return what the graphs take for nets whose tensors are `tensors`."""
        values, cast = iter(tensors), run.mode.cast
        nets: list[Any] = []
        for one in bounds:
            own = tuple(take(values, len(one.tensors)))
            if one.brought:
                custom = run.model.custom.get(one.name)
                nets.append(Leaf(one.module, own, one.name, cast, custom, one.names, one.training))
            else:
                nets.append(own)
        return tuple(nets)

    def _graphs(self, called: frozenset[int], asked: tuple[bool, ...]) -> SegmentGraphs:
        name = self.plan.graph
        if self._how is not None and not self.plan.forgets:
            return self.graphs.compiled(name, called, self._how, asked)
        return self.graphs.segment(name, called, asked)

    def forward(self, run: Run, position: int, *flow: Tensor) -> tuple[Tensor, ...]:
        """Run the segment at a position of a run.

        Args:
            run: the run, which holds the state.
            position: where in the run the segment stands.
            flow: the carriers of the registers it takes, the givens, and the carrier of the code
                lengths if it exchanges bits; labels have none.

        Returns:
            The carriers of the registers it gives, what it emits, and the carrier of the lengths.
        """
        call = self.call(run, position)
        if torch.is_grad_enabled():
            run.calls[position] = call
        found = SegmentFunction.apply(run, position, call, *flow, *flat(call.bounds))
        return tuple(found)


class _Layout(NamedTuple):
    """How the tensors of a segment's Function are grouped."""

    takes: int
    givens: int
    lengths: int


class SegmentFunction(torch.autograd.Function):
    """The autograd Function of a segment: stores nothing but what the run holds anyway."""

    @staticmethod
    def forward(ctx: Any, run: Run, position: int, call: Call, *tensors: Tensor) -> Any:
        """Return what `Segment.forward` returns; `tensors` are its flow and the nets' tensors."""
        plan = call.segment.plan
        ctx.run, ctx.position, ctx.call = run, position, call
        ctx.set_materialize_grads(False)
        ctx.layout = _Layout(len(plan.float_takes), len(plan.float_givens),
                             int(plan.metered))  # fmt: skip
        ctx.save_for_backward(*tensors[sum(ctx.layout) :])
        emits = run.pass_by(position, call)
        ctx.emitted = [(emit.shape, emit.dtype) for emit in emits]
        ctx.mark_non_differentiable(*(e for e in emits if not e.is_floating_point()))
        carriers = [run.carrier(run.state[name]) for name in plan.float_gives]
        lengths = [run.carrier(run.lengths)] if plan.metered and run.lengths is not None else []
        return (*carriers, *emits, *lengths)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        """Return the cotangents of what `forward` took.

        Raises:
            DoubleBackwardError: the gradient is to be differentiated again.
            ReconstructionError: the rebuilt state is not the forward pass's.
        """
        refuse_double()
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
    plan = segment.plan
    call = replace(ctx.call, nets=segment.nets_of(run, ctx.call.bounds, ctx.saved_tensors))
    descent = run.descent(task)
    descent.reach(ctx.position + 1)
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
    by_net = [take(needed, len(bound.tensors)) for bound in call.bounds]
    wanted = [*(by_name.get(name, False) for name in plan.givens), *(any(w) for w in by_net)]
    del cotangents, cots, rest
    takes, givens, nets = run.pull_back(
        ctx.position, call, descent, d_gives, d_emits, d_lengths, wanted
    )
    found: list[Any] = [d for n, d in zip(plan.takes, takes, strict=True) if n not in plan.labels]
    found += [d for n, d in zip(plan.givens, givens, strict=True) if n not in plan.labels]
    found += [d_lengths] * layout.lengths
    for bound, grads, flags in zip(call.bounds, nets, by_net, strict=True):
        grads = (None,) * len(bound.tensors) if grads is None else grads
        pairs = zip(grads, bound.tensors, flags, strict=True)
        found += [g.to(t.dtype) if want and g is not None else None for g, t, want in pairs]
    return found


def _owned(cot: Tensor | None, hooked: bool) -> Tensor | None:
    """Return a cotangent that the graphs may write to."""
    if cot is None or (cot.is_contiguous() and not hooked):
        return cot
    return cot.clone(memory_format=torch.contiguous_format)
