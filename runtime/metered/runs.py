"""The runs of a module: how the next one starts, and what the last one booked."""

import itertools
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from revc.errors import BindError, InternalError, ReconstructionError
from revc.runtime.bits.errors import BitsError
from revc.runtime.metered.books import Books
from revc.runtime.metered.plan import Plan
from revc.runtime.metered.session import Options, Session, session_of
from revc.runtime.metered.settings import BitSettings, Throttle

_numbers = itertools.count(1)
_runs: "weakref.WeakValueDictionary[str, Runs]" = weakref.WeakValueDictionary()
_OUTSTANDING = 8
"""Compiled forward passes that may wait for their backward pass at a time."""


class Runs:
    """Opens a session for each forward pass of a module; copies and pickles without them."""

    def __init__(self, plan: Plan, sizes: Sequence[str]) -> None:
        budgeted = [t for b in plan.budgets if b.meter == "net" for t in b.targets]
        self.plan, self.sizes = plan, tuple(sizes)
        self.settings = BitSettings()
        self.throttle = Throttle(known=plan.valves, budgeted=budgeted)
        self._enter()

    def _enter(self) -> None:
        self.key = f"runs {next(_numbers)}"
        self.books: Books | None = None
        self.last: weakref.ref[Session] | None = None
        self.opening: Session | None = None  # until its result holds it
        self.watchers: list[Callable[[Session], None]] = []
        self.held: deque[Session] = deque(maxlen=_OUTSTANDING)
        _runs[self.key] = self

    def __getstate__(self) -> dict[str, Any]:
        names = ("plan", "sizes", "settings", "throttle")
        return {name: self.__dict__[name] for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._enter()

    def open(
        self, examples: int, device: torch.device, training: bool, options: Options,
        sizes: Sequence[int],
    ) -> Session:  # fmt: skip
        """Open the session of a run of `examples` sequences; `sizes` are those that are free."""
        free = dict(zip(self.sizes, sizes, strict=True))
        session = Session(
            self.plan, self.settings, self.throttle, examples, device, training, options, free
        )
        self.settings.runs += 1
        for watcher in self.watchers:
            watcher(session)
        self.last = weakref.ref(session)
        if not options.sampling and not options.loaded:  # the books are those of forward passes
            self.books = session.books
        self.opening = session
        return session

    def session(self) -> Session:
        """Return the session of the last run, which lives as long as something holds it."""
        found = self.last() if self.last is not None else None
        if found is None:
            raise InternalError("the session of the last run is gone")
        return found

    def ledger(self) -> Books:
        """Return the books of the last run.

        Raises:
            BindError: there was none.
        """
        if self.books is None:
            raise BindError("no run yet: the ledger is that of the last forward pass")
        return self.books


@custom_op("revc::open_run", mutates_args=())
def open_run(
    key: str, examples: int, device: torch.device, training: bool, sizes: list[int]
) -> Tensor:
    """Open the session of a compiled run; return its token, int64 [2] on the CPU."""
    owner = _runs.get(key)
    if owner is None:
        raise BindError("the module of this compiled program no longer exists")
    session = owner.open(examples, device, training, Options(), sizes)
    owner.held.append(session)
    return session.token.clone()


@open_run.register_fake
def _(key: str, examples: int, device: torch.device, training: bool, sizes: list[int]) -> Tensor:
    return torch.empty(2, dtype=torch.int64)


@custom_op("revc::finish_run", mutates_args=("token",))
def finish_run(token: Tensor, device: torch.device) -> Tensor:
    """End the forward pass of a run; return a 0-dim zero, which must be used."""
    session_of(token).finish()
    token[1] += 1
    return torch.zeros((), device=device)


@custom_op("revc::turn_back", mutates_args=("token",))
def turn_back(token: Tensor, cotangent: Tensor) -> None:
    """Start to undo a run; `cotangent` keeps that in the backward half of a joint graph."""
    session = session_of(token)
    session.kept = session.turn_back()
    token[1] += 1


@custom_op("revc::come_forth", mutates_args=("token",))
def come_forth(token: Tensor, key: str, exact: bool, device: torch.device) -> Tensor:
    """End the undoing of a run, having checked that it came back to its start.

    Returns a 0-dim zero, which must be used: the compiler drops what nothing depends on.
    """
    session = session_of(token)
    try:
        if exact:
            session.check_start()
    finally:
        session.come_forth(session.kept)
        owner = _runs.get(key)
        if owner is not None and session in owner.held:
            owner.held.remove(session)
    token[1] += 1
    return torch.zeros((), device=device)


@turn_back.register_fake
def _(*_: object) -> None:
    return None


@finish_run.register_fake
def _(token: Tensor, device: torch.device) -> Tensor:
    return torch.empty((), device=device)


@come_forth.register_fake
def _(token: Tensor, key: str, exact: bool, device: torch.device) -> Tensor:
    return torch.empty((), device=device)


class undoing:
    """``with undoing(session, exact):`` undo a run, check where that leads, and restore it.

    Raises:
        ReconstructionError: a stack does not come back, or could not be read: what is undone is
            not what was done.
    """

    def __init__(self, session: Session | None, exact: bool) -> None:
        self.session, self.exact = session, exact

    def __enter__(self) -> None:
        if self.session is not None:
            self.kept = self.session.turn_back()

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> None:
        if self.session is None:
            return
        try:
            if error is None and self.exact:
                self.session.check_start()
        finally:
            self.session.come_forth(self.kept)
        if isinstance(error, BitsError):
            raise ReconstructionError(
                f"the run could not be undone with the bits that it left: {error}. Other "
                "parameters, another state or another batch than its own were used"
            ) from error
