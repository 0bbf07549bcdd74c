"""One run's bits: its tapes and reservoirs, its books and budgets, and which way it runs."""

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.engine import new_token
from revc.runtime.bits.errors import DamagedTapeError, LaneError, ReservoirExhaustedError
from revc.runtime.bits.filespill import FileSpill
from revc.runtime.bits.spill import HostSpill, block_for
from revc.runtime.findings import Findings
from revc.runtime.metered import verdicts
from revc.runtime.metered.books import Books, Moved
from revc.runtime.metered.plan import RESERVOIR, TAPE, Budget, Plan
from revc.runtime.metered.settings import BitSettings, stack_seed
from revc.runtime.metered.undoing import Undoing
from revc.runtime.sizes import evaluate

_serial = itertools.count(1)
_sessions: "weakref.WeakValueDictionary[int, Session]" = weakref.WeakValueDictionary()

_files: "weakref.WeakValueDictionary[str, Session]" = weakref.WeakValueDictionary()
_files_lock = Lock()


def _base(stack: BitStack) -> tuple[Any, ...]:
    return stack.seed, stack.mode, stack.sequences, stack.lanes


def session_of(token: Tensor) -> "Session":
    """Return the session behind a token or a ticket.

    Raises:
        LaneError: it is gone.
    """
    found = _sessions.get(int(token[0]))
    if found is None:
        raise LaneError("the tape behind this result no longer exists")
    return found


@dataclass(frozen=True)
class Options:
    """How a run differs from an ordinary one.

    `given` holds values for draws, by meter, in place of drawing them, one for each occurrence.
    `together` codes all examples as one sequence, so that a file needs one set of heads. With
    `sampling` what comes off the tape is drawn from it: no escape, which would be noise. `lanes`
    and `seed` stand in for those of the module's settings, `loaded` for fresh stacks, by name.
    `strict` says that inputs which do not fit their lattice are refused.
    `observer` is called with the session as it is opened.
    """

    given: Mapping[str, Sequence[Tensor]] = field(default_factory=dict)
    together: bool = False
    sampling: bool = False
    lanes: int | None = None
    seed: int | None = None
    loaded: Mapping[str, BitStack] = field(default_factory=dict)
    strict: bool = False
    observer: "Callable[[Session], None] | None" = None


class Session:
    """The bits of one run of a program; every exchange moves them, its inverse moves them back."""

    def __init__(
        self, plan: Plan, settings: BitSettings, throttle: Mapping[str, float], examples: int,
        device: torch.device, training: bool, options: Options, free: Mapping[str, int],
        turn: Tensor | None = None,
    ) -> None:  # fmt: skip
        settings.check()
        self.plan, self.options, self.mode = plan, options, settings.mode
        self.device, self.training = device, training
        self.throttle = dict(throttle)
        self.lanes = options.lanes or settings.lanes_on(device)
        self.sequences = 1 if options.together else examples
        self.kinds = {TAPE: TAPE, RESERVOIR: RESERVOIR} | {s.name: s.kind for s in plan.stacks}
        self.spent = False
        fresh = self._stacks(settings, turn)
        self._first = {name: stack.save() for name, stack in fresh.items()}
        self._full = {s.name: fresh[s.name].size() for s in plan.stacks if s.bits is not None}
        self._check_loaded(fresh)
        self.stacks = {**fresh, **options.loaded}
        self.books = Books(self.sequences, self.device, plan.names)
        self.back_books = Books(self.sequences, self.device, plan.names)
        self.sizes = {name: stack.size() for name, stack in self.stacks.items()}
        self.allowed = dict.fromkeys(plan.budgets, 0)
        self.charged = {budget: self.books.written.zeros() for budget in self.enforced()}
        self.shares = {b: max(1, round(evaluate(b.occurrences, free) or 1)) for b in plan.budgets}
        self.undoing: Undoing | None = None
        self.taken: dict[str, int] = {}
        self.serial = next(_serial)
        self.token = new_token(self.serial)
        _sessions[self.serial] = self

    def _stacks(self, settings: BitSettings, turn: Tensor | None) -> dict[str, BitStack]:
        number = self.number = self._number(settings)
        declared = {stack.name: stack.seed for stack in self.plan.stacks}
        made = {}
        for place, (name, kind) in enumerate(self.kinds.items()):
            seed = stack_seed(number or 0, place, kind != TAPE, declared.get(name))
            made[name] = BitStack(self.sequences, self.lanes, seed, self.device, turn=turn)
        if settings.spill is not None:
            store = self._store(settings.spill)
            made[TAPE].spill_to(store)
            weakref.finalize(self, store.close)
        return made

    def _check_loaded(self, fresh: Mapping[str, BitStack]) -> None:
        """Check that stacks from bytes stand on the floors that this run has.

        Raises:
            DamagedTapeError: one does not, so that what is drawn from it is not what was given.
        """
        for name, stack in self.options.loaded.items():
            mine = fresh.get(name)
            if mine is None or _base(mine) != _base(stack):
                raise DamagedTapeError(f"the stack {name} of these bytes is none of this program's")

    number: int | None = None

    def _number(self, settings: BitSettings) -> int | None:
        """Return the number that the run's random bits depend on, None if it has none."""
        if self.options.seed is not None:
            return self.options.seed
        return settings.number() if self.plan.moves(self.training) else None

    def _store(self, spill: str | Path) -> HostSpill | FileSpill:
        if spill == "host":
            return HostSpill(block_for(self.sequences * self.lanes))
        path = str(Path(spill).resolve())
        with _files_lock:
            earlier = _files.get(path)
            if earlier is not None:
                earlier.spent = True  # its tape is about to be written over
            _files[path] = self
            return FileSpill(spill)

    # --- stacks ----------------------------------------------------------------------------------

    source = RESERVOIR
    """The reservoir that valves draw from."""

    def bounded(self, taking: bool) -> bool:
        """Say whether what a reservoir gives or gets lies in a window without escape.

        It does where a statement draws, and where that is undone. A statement that itself undoes a
        draw may give back any value.
        """
        return not self.restating(taking)

    def restating(self, taking: bool) -> bool:
        """Say whether what takes from a reservoir, or gives to it, is a statement written `undo`.

        A draw takes in the forward pass and gives as the run is undone; `undo draw` the other way.
        """
        return taking == self.back

    def arranged(self, value: Any) -> Any:
        """Return values or parameters with the axis of sequences in front."""
        return value[None] if self.options.together and value is not None else value

    def arranged_shape(self, shape: Sequence[int]) -> torch.Size:
        """Return the shape that `arranged` gives values of `shape`."""
        return torch.Size((1, *shape) if self.options.together else shape)

    def moved(self, name: str, meter: str) -> Moved:
        """Book what a stack has changed by since it was last asked, and return that."""
        size = self.stacks[name].engine.sizes()  # within an operator already: no need of another
        before, self.sizes[name] = self.sizes[name], size
        books = self.back_books if self.back else self.books
        if self.kinds[name] == TAPE:
            books.written.book_move(meter, size, before)
        else:
            books.drawn.book_move(meter, before, size)
            self._check_exhausted(name)
        return Moved(size, before)

    def _check_exhausted(self, name: str) -> None:
        declared = next((s for s in self.plan.stacks if s.name == name), None)
        if declared is None or declared.bits is None or self.back:
            return
        # Not by words: each lane takes a whole one for the first of its bits, of which it uses few.
        over = (self._full[name] - self.sizes[name] > declared.bits * UNIT).any()
        text = f"reservoir {name} has {declared.bits} bits a sequence, and more were drawn"
        self.stacks[name].engine.faults.report(ReservoirExhaustedError, over, text)

    # --- budgets ---------------------------------------------------------------------------------

    def enforced(self) -> tuple[Budget, ...]:
        """Return the budgets on net, which hold for each sequence as it runs."""
        return tuple(budget for budget in self.plan.budgets if budget.meter == "net")

    def bucket(self, budget: Budget) -> Tensor:
        """Return what a budget on net still allows each sequence, int64 [B] in 2**-20 bit."""
        return self.allowed[budget] - self.charged[budget]

    def covering(self, meter: str) -> list[Budget]:
        """Return the enforced budgets that a meter is under."""
        return [budget for budget in self.charged if meter in budget.targets]

    # --- direction -------------------------------------------------------------------------------

    def value_given(self, meter: str) -> Tensor | None:
        """Return the next of the values that were given for a draw, None if there are none.

        Raises:
            BindError: the meter draws more often than values were given.
        """
        values = self.options.given.get(meter)
        if values is None:
            return None
        position = self.taken.get(meter, 0)
        if position >= len(values):
            raise BindError(f"{meter} is drawn more than the {len(values)} times that were given")
        self.taken[meter] = position + 1
        return values[position]

    @property
    def back(self) -> bool:
        """Whether the run is being undone."""
        return self.undoing is not None

    def turn_back(self) -> Undoing:
        """Start to undo the run; return what `come_forth` needs to make it undoable again.

        A way back that was interrupted before it ended is ended first.

        Raises:
            BindError: its tape was thrown away, or streamed out and used up; or it is being undone.
        """
        if self.undoing is not None and self.undoing.abandoned:
            self.come_forth(self.undoing)
        if self.mode == "deployed":
            raise BindError("this run was deployed: its tape is thrown away, nothing undoes it")
        if self.spent:
            raise BindError(
                "the tape of this run was streamed out, and has been read back or written over"
            )
        if self.back:
            raise BindError(
                "this run is being undone already, by another thread or by the backward pass that "
                "this call is part of: wait for its end"
            )
        self.back_books = Books(self.sequences, self.device, self.plan.names)
        for stack in self.stacks.values():
            stack.engine.faults.take()  # of an earlier way back, which was left
        words = self.plan.rewrites
        kept = {n: s.save(words=words) for n, s in self.stacks.items() if not s.engine.spill}
        undoing = Undoing(kept, dict(self.charged), dict(self.sizes))
        self.undoing = undoing  # last: an interrupt before leaves the run as it was
        return undoing

    def come_forth(self, undoing: Undoing) -> None:
        """End an undoing: everything is again as the run left it. Once is enough."""
        if self.undoing is not undoing:
            return
        undoing.ended = True  # what is interrupted here is ended by the next one
        for name, saved in undoing.stacks.items():
            self.stacks[name].rewind(saved)
        self.spent = self.spent or len(undoing.stacks) < len(self.stacks)
        self.charged, self.sizes = dict(undoing.charged), dict(undoing.sizes)
        self.undoing = None

    def report_faults(self, found: Findings) -> None:
        """Add what the stacks found wrong with their data to what a pass has found."""
        verdicts.report_faults(self.stacks, found)

    def report_start(self, found: Findings) -> None:
        """Add whether an undone run has come back to where it started.

        If not, what was undone is not what was done, which is a `ReconstructionError`.
        """
        verdicts.report_start(self.stacks, self.kinds, self._first, found)

    def finish(self) -> None:
        """End a forward run whose faults were reported; throw the tape away if that is meant.

        Raises:
            SpillError: what streamed out could not be written.
        """
        self.books.settle()
        for stack in self.stacks.values():
            stack.flush()
            stack.trim()  # until the way back, room for more is for nothing
        if self.mode == "deployed":
            self.books.discard()
            for name in [n for n, kind in self.kinds.items() if kind == TAPE]:
                del self.stacks[name], self._first[name], self.sizes[name]
