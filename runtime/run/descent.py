"""A way back through a run: the state on its way from the end to the start."""

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.errors import ReconstructionError
from revc.runtime.bits import host
from revc.runtime.bits.errors import BitsError, SpillError
from revc.runtime.findings import Findings
from revc.runtime.metered.undoing import Undoing
from revc.runtime.offload import Fetched
from revc.runtime.run import back, guard
from revc.runtime.run.modes import restored
from revc.runtime.run.rows import Rows
from revc.runtime.run.snapshots import note
from revc.runtime.state.alloc_health import new_health
from revc.runtime.state.checksum import observed

if TYPE_CHECKING:
    from revc.runtime.run.run import Run


_CLOSED = -1
"""The position of a way back that has no state: none was asked for yet, or none is any more."""


class Descent:
    """The state of a run at `position`, brought there from the end; the run itself stays as it is.

    `recorded` says that segments on the way are taken back with the nets' tensors that they ran
    with, and checked, as in a backward pass, and not with those of today. `undo` says that the
    run's session is turned around; else the way back is a run itself.

    It begins where a state is first asked for: a pass through segments that are saved asks for
    none. Then it turns the run's session around; `arrive` and `leave` turn it forth again.
    """

    def __init__(self, run: "Run", recorded: bool = True, undo: bool = True) -> None:
        self.run, self.recorded, self.undo = run, recorded, undo
        self.thread = threading.get_ident()
        self.keeps_graph = bool(torch._C._autograd._get_current_graph_task_keep_graph())
        self.state: dict[str, Tensor] = {}
        self.row: Tensor | None = None
        self.undoing: Undoing | None = None
        self.position = _CLOSED
        self.opened = self.undone = False
        self.fetched: dict[int, Fetched] = {}

    def _restart(self) -> None:
        self.opened, self.undone = True, False
        self.position = len(self.run.steps)
        self.health = new_health(self.run.mode.device)
        device = self.run.mode.device
        waits = self.run.marks.on and host.waits(device)
        self.wrong = Rows(len(self.run.steps) if waits else 0, 1, torch.int64, device)
        self.state = self.run.start(last=self.recorded and not self.keeps_graph)
        self.row = None
        session = self.run.session
        self.undoing = None
        if session is not None and self.undo:
            note(self.position, "turning", ())
            self.undoing = session.turn_back()
            note(self.position, "turned", ())
        if observed() and not self.recorded:
            self.run.marks.of(sorted(self.state), self.state)

    def reach(self, position: int) -> None:
        """Bring the state to `position`: onwards from where it is, or again from the end.

        Raises:
            BindError: a backward pass has been here, and did not retain the graph.
            ReconstructionError: what it starts from was changed in place.
        """
        if position > self.position:
            self.leave()
            self._restart()
        while self.position > position:
            below = self.run.snapshots.below(self.position, position) if self.recorded else None
            if below is not None:
                self._restore(below)
                continue
            at = self.position - 1
            step = self.run.steps[at]
            known = self.run.calls.get(at) if self.recorded else None
            call = known or step.segment.call(self.run, at)
            back.untake(self.run, at, call, self)
            if self.recorded:
                back.verify(self.run, at, self)
            elif at == 0 or observed():
                self.row = self.run.marks.of(step.segment.live, self.state)

    def _restore(self, position: int) -> None:
        self.state = self.run.snapshots.restore(position, self.state, self.keeps_graph)
        self.position = position

    def rest(self, position: int) -> None:
        """Let go of the state, which a segment that is saved at `position` does not ask for.

        Further down none may be asked for, if all are saved, or that of which there is a copy.
        """
        below = self.run.snapshots.below(self.position, 0) if self.state and self.recorded else None
        if below is not None and below <= position < self.position:
            self._restore(below)
        if self.state and all(action.saves for action in self.run.schedule[:position]):
            self.undone = self._is_undone()
            self._hand_back()
            self.state, self.position = {}, _CLOSED

    def fetch(self, position: int) -> list[Any]:
        """Return the residuals of a segment from the host, and begin to fetch those right below.

        The latter only where that takes no time: see `Offloaded.overlaps`.
        """
        offloaded, here = self.run.offloaded, self.fetched.pop(position, None)
        here = offloaded[position].fetch() if here is None else here
        below = offloaded.get(position - 1)
        if below is not None and below.overlaps and position - 1 not in self.fetched:
            self.fetched[position - 1] = below.fetch()
        return here.boxed()

    def note(self, position: int, wrong: Tensor) -> None:
        """Take note of how many registers differ at `position`, [1].

        Raises:
            ReconstructionError: some do. Devices that would have to be waited for tell at the end.
        """
        if host.waits(wrong.device):
            self.wrong.add(position, wrong)
        elif guard.readable(wrong):
            guard.verify_now(wrong.tolist(), [self.run.names[position]], self.run.interface)

    def note_emits(self, position: int, differs: Tensor) -> None:
        """Take note of whether what a segment emits came out different, 0-dim.

        Raises:
            ReconstructionError: it did; devices that would have to be waited for tell at the end.
        """
        if host.waits(differs.device):
            self.wrong.add(position, differs.reshape(1).to(torch.int64))
        elif guard.readable(differs) and differs.item():
            raise ReconstructionError(
                f"{self.run.interface.name}, {self.run.names[position]}: what it emits came out "
                "different when it was evaluated again, so its gradient would be of something "
                "else: a net in it changed since, or does not repeat its result"
            )

    def arrive(self, found: Findings | None = None) -> None:
        """End the way back, having checked where it led.

        Args:
            found: what else it is to be judged by, first.

        Raises:
            ReconstructionError: a register, or a stack at the start, is not what it was.
        """
        found = Findings() if found is None else found
        try:
            if not self.opened:
                return
            at = self.run.interface
            if at.exact and self.recorded and (observed() or self._is_nearly_down()):
                with restored(self.run.mode):
                    self.reach(0)
            self._report(found)
            self._hand_back()
            with reading_bits():
                self.run.model.deferred.settle("backward" if self.recorded else "inverse", found)
        finally:
            self.leave()

    def _report(self, found: Findings) -> None:
        """Add what the way back has found to `found`."""
        run, session = self.run, self.run.session
        if self.wrong.count and guard.readable(self.wrong.table):
            judge = partial(guard.verify_now, names=run.names, at=run.interface)
            found.add(self.wrong.filled[:, 0], judge)
        if session is not None and guard.readable(self.health):
            session.report_faults(found)
            if self.undoing and run.interface.exact and self._is_undone():
                session.report_start(found)

    def _is_undone(self) -> bool:
        """Say whether all that exchanged bits was taken back."""
        if self.position == _CLOSED:
            return self.undone
        return not any(step.segment.plan.metered for step in self.run.steps[: self.position])

    def _is_nearly_down(self) -> bool:
        """Say whether what is left is without nets: autograd stops where it has nothing to do."""
        rest = self.run.steps[: self.position]
        return self.position != _CLOSED and not any(step.segment.row(step.turn) for step in rest)

    def _hand_back(self) -> None:
        """Leave the state to results whose raw state it began as."""
        lent = self.run.lent()
        if lent is not None and self.position != _CLOSED:
            lent.rest(self.position, self.state)

    def leave(self) -> None:
        """End the way back where it stands."""
        self.state = {}
        self.fetched.clear()
        if self.undoing is not None and self.run.session is not None:
            self.run.session.come_forth(self.undoing)
            self.undoing = None


class reading_bits:
    """``with reading_bits():`` say of bits that cannot be read that they are not the run's.

    A tape that streamed out and is lost says so itself, and nobody's parameters are to blame.

    Raises:
        ReconstructionError: a stack could not be read.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, BitsError) and not isinstance(error, SpillError):
            raise ReconstructionError(
                f"the run could not be undone with the bits that it left: {error}. Other "
                "parameters, another state or another batch than its own were used"
            ) from error
