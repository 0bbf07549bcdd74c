"""A segment: a module with the nets of its turn, executed and differentiated on its own.

What flows from one segment to the next through autograd is, for each register, a *carrier*: a float
tensor of the register's shape that occupies nothing, and whose only use is to carry the cotangent.
The raw state itself travels in the run.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime.nets.chance import drawing_nothing
from revc.runtime.ports import take
from revc.runtime.run.bound import Bound, bind, find, flat, leaf, runs_as_module
from revc.runtime.run.coupled import coupled
from revc.runtime.run.function import SegmentFunction
from revc.runtime.run.run import Run
from revc.runtime.schedule import KeptTurns
from revc.runtime.segment_plan import SegmentPlan

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel


class SavedGraphs(Protocol):
    """What runs a segment that is saved, called as `revc.codegen.split.Saved` says."""

    @property
    def keep(self) -> Callable[..., Any]:
        """The forward graph, which also returns residuals, last."""

    @property
    def pull(self) -> Callable[..., Any]:
        """What pulls cotangents from residuals."""

    @property
    def givens(self) -> tuple[bool, ...]:
        """Of which givens it gives cotangents."""


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

    def saved(
        self,
        takes: Sequence[bool],
        givens: Sequence[bool],
        nets: Sequence[bool],
        fixed: Sequence[bool],
    ) -> SavedGraphs:
        """Return the graphs that keep, for the registers, givens and nets that want cotangents.

        `fixed` are the givens that hold the same until the backward pass.
        """


class Graphs(Protocol):
    """The graphs of a program: of its segments by name, and of the whole for torch.compile."""

    def segment(
        self,
        name: str,
        brought: frozenset[int] = ...,
        asked: tuple[bool, ...] | None = ...,
        keep: tuple[int, ...] = ...,
    ) -> SegmentGraphs:
        """Return the graphs of a segment in which the nets of some slots run as modules.

        `asked` says of which of its givens a cotangent may be wanted, None of all; `keep` which of
        the values of its plan are kept, by number.
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

    def pieces(self, name: str) -> Sequence[Any]:
        """Return the calls of brought nets in a segment that run in pieces along the batch."""

    traced_forward: nn.Module
    traced_vjp: nn.Module
    """The graphs of the whole program that keep nothing, once they are lowered."""

    def lower_traced(self, kept: KeptTurns | None = ...) -> str:
        """Lower the two for what is kept of each segment; return what ends their names then."""


@dataclass(frozen=True)
class Call:
    """A segment as one run executes it: its graphs, and its nets as they are then.

    `nets` are what the graphs take for each net: its tensors, or a brought module with them.
    `saved` are the graphs that keep, if it is saved and a backward pass may come; `keeps` says that
    values of its nets are kept for that.
    """

    segment: "Segment"
    turn: int
    graphs: SegmentGraphs
    bounds: tuple[Bound, ...]
    nets: tuple[Any, ...]
    saved: SavedGraphs | None = None
    keeps: bool = False


class Segment(nn.Module):
    """A turn of a repeat, a call of a block, or a stretch of statements, with its nets.

    `plan` says what it takes and gives, `live` which registers are alive in front of it. A run
    calls it as a module, so that hooks fire and wrappers (FSDP, say) see it pass; its parameters'
    gradients are accumulated as its backward pass ends.
    """

    def __init__(self, plan: SegmentPlan, graphs: Graphs, live: Iterable[str]) -> None:
        super().__init__()
        self.plan, self.graphs, self.live = plan, graphs, tuple(sorted(live))
        self.compiled_with: tuple[tuple[str, Any], ...] | None = None

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
        self.compiled_with = tuple(sorted(how.items()))

    def row(self, turn: int) -> tuple[str, ...]:
        """Return the names of the nets of a turn."""
        rows = self.plan.rows
        return rows[turn] if len(rows) > 1 else rows[0]

    def runs_modules(self, model: "ReversibleModel", turn: int) -> bool:
        """Say whether a net of a turn runs as a module: brought, replaced or hooked."""
        return any(runs_as_module(find(model.nets, n), model.made[n]) for n in self.row(turn))

    def call(self, run: Run, position: int, flow: Sequence[Tensor] | None = None) -> Call:
        """Return the segment with its nets as they are now.

        With `flow`, which `forward` takes, it keeps what the run's schedule says, if something
        wants gradients.
        """
        turn, model = run.steps[position].turn, run.model
        row = self.row(turn)
        modules = [find(model.nets, name) for name in row]
        known = [model.made[name] for name in row]
        pairs = enumerate(zip(modules, known, strict=True))
        called = frozenset(i for i, (m, k) in pairs if k.kind is not None and runs_as_module(m, k))
        called |= coupled(run, self.graphs, self.plan.graph, row)
        called = self.graphs.spread(self.plan.graph, called) if called else called
        bounds = [
            bind(name, module, one, index in called)
            for index, (name, module, one) in enumerate(zip(row, modules, known, strict=True))
        ]
        asked = tuple(name not in run.unasked for name in self.plan.givens)
        taken = self.nets_of(run, bounds, flat(bounds))
        call = Call(self, turn, self._graphs(called, asked), tuple(bounds), taken)
        kind = run.schedule[position].kind
        if flow is None or kind == "invert":
            return call
        self._refuse_compiled(run, position, bounds)
        wants = self._wants(run, flow, bounds)
        if not any(map(any, wants[:3])):
            return call
        if run.schedule[position].saves:
            if kind == "offload":
                _refuse_offload(run, position, bounds)
            return replace(call, saved=call.graphs.saved(*wants))
        chosen = run.schedule[position].chosen(self.plan)
        graphs = self.graphs.segment(self.plan.graph, called, asked, chosen)
        return replace(call, graphs=graphs, keeps=True) if chosen else call

    def nets_of(
        self, run: Run, bounds: Sequence[Bound], tensors: Sequence[Tensor]
    ) -> tuple[Any, ...]:
        """Return what the graphs take for nets whose tensors are `tensors`."""
        values, nets = iter(tensors), list[Any]()
        for one in bounds:
            own = tuple(take(values, len(one.tensors)))
            nets.append(leaf(run, one, own) if one.brought else own)
        return tuple(nets)

    def _graphs(self, called: frozenset[int], asked: tuple[bool, ...]) -> SegmentGraphs:
        name = self.plan.graph
        if self.compiled_with is not None and not self.plan.forgets:
            return self.graphs.compiled(name, called, self.compiled_with, asked)
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
        call = self.call(run, position, flow if torch.is_grad_enabled() else None)
        if torch.is_grad_enabled():
            run.calls.note(position, call)
        called = () if self.compiled_with is None else call.bounds
        nets = [(bound.name, bound.module) for bound in called if bound.brought]
        with drawing_nothing(nets, run.mode.device):
            found = SegmentFunction.apply(run, position, call, *flow, *flat(call.bounds))
        return tuple(found)

    def _refuse_compiled(self, run: Run, position: int, bounds: Sequence[Bound]) -> None:
        """Refuse to keep values of a segment that is compiled on its own, or to save brought nets.

        Raises:
            BindError: that is asked for.
        """
        if self.compiled_with is None:
            return
        name, kind = f"{run.interface.name}, {run.names[position]}", run.schedule[position].kind
        if kind != "save":
            raise BindError(
                f"{name}: a segment that is compiled on its own is rebuilt or saved: its action is "
                f"invert or save, not {kind}"
            )
        if brought := [one.name for one in bounds if one.brought]:
            raise BindError(
                f"{name}: net {brought[0]} runs as a module, whose autograd graph compiled code "
                "cannot hand on: its action is invert, not save"
            )

    def _wants(
        self, run: Run, flow: Sequence[Tensor], bounds: Sequence[Bound]
    ) -> tuple[tuple[bool, ...], ...]:
        """Return which registers, givens and nets want cotangents, and which givens are fixed."""
        plan = self.plan
        names = [*plan.float_takes, *plan.float_givens]
        wanted = {n for n, value in zip(names, flow, strict=False) if value.requires_grad}
        takes, givens = (tuple(n in wanted for n in of) for of in (plan.takes, plan.givens))
        nets = tuple(any(t.requires_grad for t in bound.tensors) for bound in bounds)
        return takes, givens, nets, tuple(name in run.givens for name in plan.givens)


def _refuse_offload(run: Run, position: int, bounds: Sequence[Bound]) -> None:
    """Refuse to keep residuals on the host that are not a segment's own, or that are not there yet.

    Raises:
        BindError: a net keeps an autograd graph, or a CUDA graph captures the pass.
    """
    where = f"{run.interface.name}, {run.names[position]}"
    for bound in bounds:
        if bound.brought:
            raise BindError(
                f"{where}: {bound.name} runs as a module and keeps its autograd graph, which stays "
                "on the device: its action is invert, keep or save, not offload"
            )
    if run.mode.device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        raise BindError(f"{where}: a CUDA graph takes no copies to the host: its action is save")
