"""What a watched run leaves: hashes at boundaries, bookings with what was coded, valves' slots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.metered.books import Moved
from revc.runtime.metered.plan import Site
from revc.runtime.metered.session import Session, session_of


@dataclass(frozen=True)
class Exchange:
    """One push or pop: on which stack, by what, which symbols."""

    stack: str
    pushed: bool
    distribution: Distribution
    symbols: Tensor


@dataclass(frozen=True)
class Booking:
    """What a stack changed by, int64 [B], under which meter, and what was coded in it."""

    stack: str
    meter: str
    change: Tensor
    undone: bool
    coded: tuple[Exchange, ...]


@dataclass(frozen=True)
class Slot:
    """A valve's slot before and after, as it lies in the state: what a later statement reads."""

    site: Site
    params: Tensor | None
    before: Tensor
    after: Tensor


@dataclass(frozen=True)
class Call:
    """A statement that a graph ran: which, its parameters, its values' shape, what it booked."""

    site: Site
    params: Tensor | None
    shape: torch.Size
    bookings: Sequence[Booking]


class RecordedStack(BitStack):
    """A stack that notes what passes; it takes the place of a session's own, state and all."""

    pending: list[Exchange]
    name: str

    def push(self, symbols: Tensor, distribution: Distribution) -> None:
        """Push as any stack does, and note what by what."""
        super().push(symbols, distribution)
        self.pending.append(Exchange(self.name, True, distribution, symbols.detach().clone()))

    def pop(self, distribution: Distribution, shape: Sequence[int] | None = None) -> Tensor:
        """Pop as any stack does, and note what by what."""
        symbols = super().pop(distribution, shape)
        self.pending.append(Exchange(self.name, False, distribution, symbols.detach().clone()))
        return symbols


class CallMode(TorchDispatchMode):
    """Notes what statements are called with, and what a valve finds in its slot and leaves there.

    Both are as the graph has them, whatever the stacks say.
    """

    def __init__(self, watched: "Watched") -> None:
        super().__init__()
        self.watched = watched

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = str(func)
        if name not in _CALLS:
            return func(*args, **(kwargs or {}))
        bookings, slots = self.watched.bookings, self.watched.slots
        site = session_of(args[0]).plan.sites[args[_CALLS[name]]]
        before, start = args[1], len(bookings)
        shape = torch.Size(getattr(before, "shape", before))  # of a take: the argument itself
        slot = name == "revc.valve.default" and not args[4]
        before = before.detach().clone() if slot else args[1]
        after = func(*args, **(kwargs or {}))
        self.watched.calls.append(Call(site, args[2], shape, bookings[start:]))
        if slot:
            slots.append(Slot(site, args[2], before, after.detach().clone()))
        return after


_CALLS = {"revc.give.default": 3, "revc.take.default": 5, "revc.valve.default": 3}
"""Operators that code by a distribution, and where the number of their site stands."""


@dataclass
class Watched:
    """A forward run under watch, and what undoing it books later."""

    out: Any = None
    session: Session | None = None
    hashes: list[str] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    first: dict[str, Tensor] = field(default_factory=dict)

    def opened(self, session: Session) -> None:
        """Follow a session from its start."""
        self.session = session
        self.first = {name: stack.size() for name, stack in session.stacks.items()}
        self._follow(session)

    def _follow(self, session: Session) -> None:
        pending: dict[str, list[Exchange]] = {name: [] for name in session.stacks}
        for name, stack in session.stacks.items():
            stack.__class__ = RecordedStack
            assert isinstance(stack, RecordedStack)
            stack.pending, stack.name = pending[name], name
        session.moved = self._noting(session, session.moved, pending)  # type: ignore

    def _noting(
        self, session: Session, moved: Callable[[str, str], Moved],
        pending: dict[str, list[Exchange]],
    ) -> Callable[[str, str], Moved]:  # fmt: skip
        def noted(name: str, meter: str) -> Moved:
            found = moved(name, meter)
            coded = tuple(pending[name])
            pending[name].clear()
            self.bookings.append(Booking(name, meter, found.change, session.back, coded))
            return found

        return noted

    def booked(self, undone: bool) -> list[Booking]:
        """Return what the run booked, or what undoing it did."""
        return [one for one in self.bookings if one.undone == undone]
