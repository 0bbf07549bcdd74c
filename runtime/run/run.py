"""A run: everything that belongs to one forward pass of a model and to its way back."""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from revc.errors import BindError, ReconstructionError
from revc.runtime.findings import Findings
from revc.runtime.interface import Interface, Slot
from revc.runtime.kept import Dropped, Kept
from revc.runtime.metered.session import Session
from revc.runtime.run import guard
from revc.runtime.run.descent import Descent
from revc.runtime.run.emitted import Emitted
from revc.runtime.run.held import Watched, encoded, version
from revc.runtime.run.intake import Intake
from revc.runtime.run.marks import Marks
from revc.runtime.run.modes import RunMode
from revc.runtime.run.rows import Rows
from revc.runtime.state import boundary
from revc.runtime.state.alloc_health import damping, new_health

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel
    from revc.runtime.run.segment import Call, Segment

__all__ = ["Run", "Step"]


class Step(NamedTuple):
    """A segment as a run passes it: which, in which turn."""

    segment: "Segment"
    turn: int

    @property
    def name(self) -> str:
        """What messages call it: the segment, with the turn if it is one of several."""
        return guard.step_name(self.segment.plan, self.turn)


class Run:
    """One run of a model: its mode and bits, and the raw state at a position between two segments.

    `state` maps the registers that are live at `position` to their raw tensors; at the end it
    becomes `final`, which the backward pass and the inverse start from. Nothing of it lies on the
    module: runs of one model in several threads do not meet.
    """

    def __init__(
        self, model: "ReversibleModel", mode: RunMode, sizes: Mapping[str, int],
        session: Session | None = None, intake: Intake | None = None,
    ) -> None:  # fmt: skip
        self.model, self.mode, self.session, self.intake = model, mode, session, intake
        self.clamped = False
        self.sizes = dict(sizes)
        self.steps: tuple[Step, ...] = model.steps(self.sizes)
        self.names = [step.name for step in self.steps]
        self.state: dict[str, Tensor] = {}
        self.givens: dict[str, Tensor] = {}
        self.final: dict[str, Tensor] | None = None
        self.lengths: Tensor | None = None
        self.health = new_health(mode.device)
        self.calls: dict[int, Call] = {}
        self.watched: list[Watched] = []
        self.kept: dict[int, Kept] = {}
        self.check: Tensor | None = None
        width = max((len(step.segment.live) for step in self.steps), default=0)
        count = len(self.steps)
        self.marks = Marks(self.interface.exact, model.drift, count, width, mode.device)
        self.emitted = Emitted(self.marks)
        self.trail = Rows(count, 3, torch.float32, mode.device)
        self.unasked = {slot.name for slot in self.interface.givens} - mode.asked
        self._descents: dict[int, Descent] = {}
        self._nothing: Tensor | None = None
        self._lock = threading.Lock()

    @property
    def interface(self) -> Interface:
        """What the program says of itself."""
        return self.model.interface

    # --- the forward pass ------------------------------------------------------------------------

    def give(self, values: Mapping[str, Tensor]) -> None:
        """Take the givens, which segments read as they are held."""
        for slot in self.interface.givens:
            value = values[slot.name]
            self.watched.append(Watched(slot.name, value, version(value)))
            held = encoded(slot, value) if slot.kind == "lattice" else boundary.dense(value)
            self.givens[slot.name] = held

    def begin(self) -> None:
        """Make room for code lengths, if the program has any."""
        rows = self.interface.plan.rows
        if rows:
            shape = (len(rows), self.mode.examples)
            self.lengths = torch.zeros(shape, dtype=self.mode.wide, device=self.mode.device)

    def pass_by(self, position: int, call: "Call") -> list[Tensor]:
        """Run the forward graph of the segment at `position`; return what it emits."""
        plan, step = call.segment.plan, self.steps[position]
        if self.marks.on:
            row = self.marks.put(position, step.segment.live, self.state)
            if position == 0:
                self.check = row
        graph = call.graphs.forward
        args: list[Any] = [
            *self._taken(self.state, plan.takes),
            *self._read(self.state, plan.givens),
        ]
        bits = self._bits(self.lengths) if plan.metered else []
        bits += self._keeping(position) if plan.forgets else []
        args += [*call.nets, *self._sizes(call), *self.mode.tail, *bits, self.health]
        before = self.health
        with self.emitted.noted():
            out = plan.ports.outcome(graph(*args))
        self.emitted.put(position, before, out.health, out.emits)
        self.state.update(zip(plan.gives, out.gives, strict=True))
        self.health = out.health
        self.trail.put(position, out.health)
        return out.emits

    def finish(self) -> None:
        """End the forward pass: check its health, and close its session."""
        self.final = {name: value.detach() for name, value in self.state.items()}
        self.marks.allow(self.final)
        self.state = {}
        for slot in self.interface.gives:
            if slot.kind != "lattice":  # the caller sees the register itself
                value = self.final[slot.name]
                self.watched.append(Watched(slot.name, value, version(value)))
        if guard.readable(self.health):
            self.clamped = self._settle()
        del self.trail, self.health  # the way back is not to hold them
        if self.session is not None:
            self.session.finish()

    def _settle(self) -> bool:
        """Judge all that the pass has found; say whether an increment may have been clamped."""
        found, clamped = Findings(), list[str]()
        if self.intake is not None:
            self.intake.report(found)
        judge = guard.judge_trail(self.names, self.interface.name, self.model.counts, clamped)
        found.add(self.trail.filled[:, :2], judge)
        if self.session is not None:
            self.session.report_faults(found)
        read = self.model.deferred.settle("forward", found)
        return bool(clamped) or not read

    def _bits(self, lengths: Tensor | None) -> list[Any]:
        """Return what graphs that exchange bits take: token, code lengths, and table of sites."""
        assert self.session is not None
        return [self.session.token, lengths, self.interface.plan.sites]

    def _keeping(self, position: int) -> list[Kept]:
        """Return what a segment's forward graph puts into what it forgets."""
        self.kept[position] = Kept() if position in self.calls else Dropped()
        return [self.kept[position]]

    def _kept(self, position: int, descent: Descent) -> list[Kept]:
        """Return what a segment forgot, to be taken; copies if another way back may follow."""
        if descent.keeps_graph:
            return [self.kept[position].reading()]
        return [self.kept.pop(position)]

    def _sizes(self, call: "Call") -> list[int]:
        plan = call.segment.plan
        return [call.turn if name == plan.index else self.sizes[name] for name in plan.sizes]

    def _taken(self, state: dict[str, Tensor], names: Sequence[str]) -> list[Tensor]:
        return [state.pop(name) for name in names]

    def _read(self, state: Mapping[str, Tensor], names: Sequence[str]) -> list[Tensor]:
        return [state[name] if name in state else self.givens[name] for name in names]

    # --- the way back ----------------------------------------------------------------------------

    def untake(self, position: int, call: "Call", descent: Descent) -> None:
        """Take back the segment at `position` by its inverse graph."""
        plan, state = call.segment.plan, descent.state
        args: list[Any] = [
            *self._taken(state, plan.gives),
            *self._read(state, plan.givens),
            *call.nets,
        ]
        bits = self._bits(None) if plan.metered else []
        bits += self._kept(position, descent) if plan.forgets else []
        args += [*self._sizes(call), *self.mode.tail, *bits, descent.health]
        takes, descent.health = plan.ports.undone(call.graphs.inverse(*args))
        state.update(zip(plan.takes, takes, strict=True))
        descent.position = position

    def pull_back(
        self, position: int, call: "Call", descent: Descent, cots: Sequence[Tensor | None],
        d_emits: Sequence[Tensor], d_lengths: Tensor | None, wanted: Sequence[bool],
    ) -> tuple[list[Tensor], list[Tensor | None], list[Any]]:  # fmt: skip
        """Take back the segment at `position`, and pull cotangents through it.

        Returns the cotangents of the registers it took, of its givens, and of its nets.

        Raises:
            ReconstructionError: the rebuilt state is not the forward pass's.
        """
        plan, state = call.segment.plan, descent.state
        raws = self._taken(state, plan.gives)
        d_raws = [
            self.zero(raw) if cot is None else cot for raw, cot in zip(raws, cots, strict=True)
        ]
        givens = self._read(state, plan.givens)
        flags = list(wanted[: len(givens)])
        d_givens = [self.zero(g) if want else None for g, want in zip(givens, flags, strict=True)]
        graph = call.graphs.vjp(flags, wanted[len(givens) :])
        bits = self._bits(d_lengths) if plan.metered else []
        args = [*raws, *d_raws, *givens, *d_givens, *d_emits, *call.nets, *self._sizes(call)]
        bits += self._kept(position, descent) if plan.forgets else []
        args += [*self.mode.tail, *bits, descent.health]
        del raws, d_raws, givens, d_givens, d_emits
        with damping(self.clamped), self.emitted.noted():
            out = plan.ports.pulled(graph(*args))
        state.update(zip(plan.takes, out.takes, strict=True))
        descent.position = position
        if (differs := self.emitted.differs(position, descent.health, out.health)) is not None:
            descent.note_emits(position, differs)
        descent.health = out.health
        self.verify(position, descent)
        return out.cotangents, out.givens, out.nets

    def verify(self, position: int, descent: Descent) -> None:
        """Compare the rebuilt state in front of a segment with the forward pass's."""
        if self.marks.on:
            live = self.steps[position].segment.live
            descent.note(position, self.marks.compare(position, live, descent.state))

    def zero(self, value: Tensor) -> Tensor:
        """Return a cotangent of zero for a raw value, of its shape."""
        return torch.zeros(value.shape, dtype=self.mode.wide, device=value.device)

    def descent(self, task: int) -> Descent:
        """Return the way back that a backward pass is on, at its start if it has just begun.

        Raises:
            ReconstructionError: what it starts from was changed in place.
        """
        with self._lock:
            found = self._descents.get(task)
            if found is None:
                self.check_watched()
                here = threading.get_ident()
                for old in [t for t, d in self._descents.items() if d.thread == here]:
                    self._descents.pop(old).leave()  # a pass that an exception ended
                found = self._descents[task] = Descent(self)
                torch.autograd.Variable._execution_engine.queue_callback(lambda: self._arrive(task))
        return found

    def _arrive(self, task: int) -> None:
        """End a backward pass; what the run holds for it goes with the graph."""
        with self._lock:
            descent = self._descents.pop(task, None)
        if descent is None:
            return
        if not descent.keeps_graph:
            self.final = None
            self.calls.clear()
        descent.arrive()

    def drop(self, task: int) -> None:
        """Give up a backward pass that failed."""
        with self._lock:
            descent = self._descents.pop(task, None)
        if descent is not None:
            descent.leave()

    def check_watched(self) -> None:
        """Check that nobody wrote to what the way back reads.

        Raises:
            ReconstructionError: somebody did.
        """
        for one in self.watched:
            if version(one.tensor) != one.version:
                raise ReconstructionError(
                    f"{self.interface.name}: `{one.name}` was changed in place after the forward "
                    "pass, which the way back starts from"
                )

    def start(self) -> dict[str, Tensor]:
        """Return a copy of the final state, which a way back may change.

        Raises:
            BindError: a backward pass has been here, and did not retain the graph.
        """
        if self.final is None:
            raise BindError(
                f"{self.interface.name}: this run was already taken back; to go back through it "
                "again, say retain_graph=True the first time"
            )
        return {name: boundary.own(value) for name, value in self.final.items()}

    # --- what the caller sees --------------------------------------------------------------------

    def carrier(self, value: Tensor) -> Tensor:
        """Return a float tensor of a value's shape that occupies nothing."""
        if self._nothing is None or self._nothing.device != value.device:
            self._nothing = torch.zeros((), dtype=self.mode.wide, device=value.device)
        return self._nothing.expand(value.shape)

    def seen(self, slot: Slot, raw: Tensor) -> Tensor:
        """Return what the caller sees of a register."""
        if slot.kind != "lattice":
            return raw
        return boundary.view(raw, slot.fraction_bits, self.mode.dtype)
