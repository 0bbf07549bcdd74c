"""A run: everything that belongs to one forward pass of a model and to its way back."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from revc.errors import BindError, ReconstructionError
from revc.runtime.findings import Findings
from revc.runtime.forgetting import Dropped, Forgotten
from revc.runtime.interface import Interface, Slot
from revc.runtime.keeping import Values
from revc.runtime.metered.session import Session
from revc.runtime.nets.keys import Keys
from revc.runtime.offload import OnHost
from revc.runtime.run import guard
from revc.runtime.run.calls import Calls
from revc.runtime.run.descent import Descent
from revc.runtime.run.emitted import Emitted
from revc.runtime.run.held import Watched, encoded, version
from revc.runtime.run.intake import Intake
from revc.runtime.run.lent import Lender, Lent, lend
from revc.runtime.run.marks import Marks
from revc.runtime.run.modes import RunMode, restored
from revc.runtime.run.opening import number_of
from revc.runtime.run.rows import Rows
from revc.runtime.run.snapshots import Snapshots
from revc.runtime.schedule import expand
from revc.runtime.state import boundary
from revc.runtime.state.alloc_health import new_health

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


def _nobody() -> None:
    """Return what a dead reference does."""


class Run:
    """One run of a model: its mode and bits, and the raw state at a position between two segments.

    `state` maps the registers that are live at `position` to their raw tensors; at the end it
    becomes `final`, which the backward pass and the inverse start from. Nothing of it lies on the
    module: runs of one model in several threads do not meet.
    """

    SPENT = (
        "this run was already taken back; to go back through it again, say retain_graph=True the "
        "first time"
    )

    def __init__(
        self, model: "ReversibleModel", mode: RunMode, sizes: Mapping[str, int],
        session: Session | None = None, intake: Intake | None = None,
    ) -> None:  # fmt: skip
        self.model, self.mode, self.session, self.intake = model, mode, session, intake
        self.clamped, self.sizes, self.health = False, dict(sizes), new_health(mode.device)
        self.steps: tuple[Step, ...] = model.steps(self.sizes)
        self.schedule = expand(self.interface, model.schedule, [s.segment.plan for s in self.steps])
        self.snapshots = Snapshots(self.steps, self.schedule)
        self.names = [step.name for step in self.steps]
        self.state: dict[str, Tensor] = {}
        self.givens: dict[str, Tensor] = {}
        self.final: dict[str, Tensor] | None = None
        self.lengths: Tensor | None = None
        self.calls = Calls()
        self.watched: list[Watched] = []
        self.kept: dict[int, Forgotten] = {}
        self.values: dict[int, Values] = {}
        self.offloaded, self.watched = OnHost(), list[Watched]()
        self.check: Tensor | None = None
        self.lender: Callable[[], Lender | None] = _nobody
        self.lent: Callable[[], Lent | None] = _nobody
        count, width = len(self.steps), max((len(s.segment.live) for s in self.steps), default=0)
        self.marks = Marks(self.interface.exact, model.drift, count, width, mode.device)
        self.emitted = Emitted(self.marks)
        self.trail = Rows(count, 3, torch.float32, mode.device)
        self.unasked = {slot.name for slot in self.interface.givens} - mode.asked
        self.keys = Keys(partial(number_of, self), mode.examples, mode.device, session)
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

    def pass_by(self, position: int, call: "Call") -> tuple[list[Tensor], Any]:
        """Run the segment at `position`; return what it emits, and its residuals if it is saved."""
        plan, step = call.segment.plan, self.steps[position]
        if self.marks.on:
            row = self.marks.put(position, step.segment.live, self.state)
            if position == 0:
                self.check = row
        if call.saved is not None:
            self.snapshots.put(position, self.state)
        graph = call.graphs.forward if call.saved is None else call.saved.keep
        args: list[Any] = self.taken(self.state, plan.takes)
        args += self.read(self.state, plan.givens)
        bits = self.bits(self.lengths) if plan.metered else []
        bits += self._keeping(position) if plan.forgets else []
        bits += [self.values.setdefault(position, Values())] if call.keeps else []
        args += [*call.nets, *self.sizes_of(call), *self.mode.tail, *bits, self.health]
        before = self.health
        with self.emitted.noted(), self.keys.passing(position, back=False):
            found = graph(*args)
        out = plan.ports.outcome(found)
        self.emitted.put(position, before, out.health, out.emits)
        self.state.update(zip(plan.gives, out.gives, strict=True))
        self.health = out.health
        self.trail.put(position, out.health)
        return out.emits, None if call.saved is None else found[-1]

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

    def bits(self, lengths: Tensor | None) -> list[Any]:
        """Return what graphs that exchange bits take: token, code lengths, and table of sites."""
        assert self.session is not None
        return [self.session.token, lengths, self.interface.plan.sites]

    def _keeping(self, position: int) -> list[Forgotten]:
        """Return what a segment's forward graph puts into what it forgets."""
        self.kept[position] = Forgotten() if position in self.calls else Dropped()
        return [self.kept[position]]

    def forgotten(self, position: int, descent: Descent) -> list[Forgotten]:
        """Return what a segment forgot, to be taken; copies if another way back may follow."""
        if descent.keeps_graph:
            return [self.kept[position].reading()]
        return [self.kept.pop(position)]

    def sizes_of(self, call: "Call") -> list[int]:
        """Return the sizes that a segment's graphs take, its turn among them."""
        plan = call.segment.plan
        return [call.turn if name == plan.index else self.sizes[name] for name in plan.sizes]

    def taken(self, state: dict[str, Tensor], names: Sequence[str]) -> list[Tensor]:
        """Take registers out of a state, for good."""
        return [state.pop(name) for name in names]

    def read(self, state: Mapping[str, Tensor], names: Sequence[str]) -> list[Tensor]:
        """Return registers of a state or givens, to be read."""
        return [state[name] if name in state else self.givens[name] for name in names]

    # --- the way back ----------------------------------------------------------------------------

    def zero(self, value: Tensor) -> Tensor:
        """Return a cotangent of zero for a raw value, of its shape."""
        return torch.zeros(value.shape, dtype=self.mode.wide, device=value.device)

    def descent(self, task: int) -> Descent:
        """Return the way back that a backward pass is on, at its start if it has just begun."""
        with self._lock:
            found = self._descents.get(task)
            if found is None:
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
            self.values.clear()
            self.snapshots.clear()
        descent.arrive()

    def drop(self, task: int) -> None:
        """Give up a backward pass that failed."""
        with self._lock:
            descent = self._descents.pop(task, None)
        if descent is not None:
            descent.leave()

    def let_go(self) -> None:
        """Drop the final state where no backward pass can need it: all segments are saved."""
        if not self.clamped and all(action.saves for action in self.schedule):
            self.final = None

    def check_watched(self, results: bool = True) -> None:
        """Check that nobody wrote to givens, or to `results`, from which state is rebuilt.

        Raises:
            ReconstructionError: somebody did.
        """
        ends = () if results else [slot.name for slot in self.interface.gives]
        for one in self.watched:
            if one.name not in ends and version(one.tensor) != one.version:
                raise ReconstructionError(
                    f"{self.interface.name}: `{one.name}` was changed in place after the forward "
                    "pass, which the way back starts from"
                )

    def start(self, last: bool) -> dict[str, Tensor]:
        """Return the final state, which a way back may change: a copy, if it is not the `last`.

        Raises:
            BindError: a backward pass has been here, and did not retain the graph.
            ReconstructionError: what it starts from was changed in place.
        """
        self.check_watched()
        if self.final is None:
            raise BindError(f"{self.interface.name}: {self.SPENT}")
        if last and self.interface.exact and self.session is None and lend(self):
            state, self.final = self.final, None
            return state
        return {name: boundary.own(value) for name, value in self.final.items()}

    def passed_again(self, position: int, state: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the raw results of the segments from `position` on, from the state before it."""
        again = Run(self.model, self.mode, self.sizes)
        again.givens, again.state, again.keys = self.givens, state, self.keys
        with torch.no_grad(), restored(self.mode):
            for at in range(position, len(self.steps)):
                again.pass_by(at, self.steps[at].segment.call(again, at))
        return tuple(again.state[slot.name] for slot in self.interface.gives)

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
