"""What a watched run leaves: hashes at boundaries, bookings with what was coded, valves' slots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.metered.session import Session


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

    meter: str
    coding: str
    params: Tensor | None
    before: Tensor
    after: Tensor


class RecordedStack(BitStack):
    """A stack that notes what passes; it takes the place of a session's own, state and all."""

    pending: list[Exchange]
    name: str

    def push(self, symbols: Tensor, distribution: Distribution) -> None:
        """Push, and note it."""
        super().push(symbols, distribution)
        self.pending.append(Exchange(self.name, True, distribution, symbols.detach().clone()))

    def pop(self, distribution: Distribution, shape: Sequence[int] | None = None) -> Tensor:
        """Pop, and note it."""
        symbols = super().pop(distribution, shape)
        self.pending.append(Exchange(self.name, False, distribution, symbols.detach().clone()))
        return symbols


class SlotMode(TorchDispatchMode):
    """Notes what every valve finds in its slot and leaves there, whatever its stacks say."""

    def __init__(self, slots: list[Slot]) -> None:
        super().__init__()
        self.slots = slots

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if str(func) != "revc.valve.default" or args[6]:
            return func(*args, **(kwargs or {}))
        before = args[1].detach().clone()
        after = func(*args, **(kwargs or {}))
        self.slots.append(Slot(args[3], args[5], args[2], before, after.detach().clone()))
        return after


@dataclass
class Watched:
    """A forward run under watch, and what undoing it books later."""

    out: Any = None
    session: Session | None = None
    hashes: list[str] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
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
        self, session: Session, moved: Callable[[str, str], Tensor],
        pending: dict[str, list[Exchange]],
    ) -> Callable[[str, str], Tensor]:  # fmt: skip
        def noted(name: str, meter: str) -> Tensor:
            change = moved(name, meter)
            coded = tuple(pending[name])
            pending[name].clear()
            self.bookings.append(Booking(name, meter, change, session.back, coded))
            return change

        return noted

    def booked(self, undone: bool) -> list[Booking]:
        """Return what the run booked, or what undoing it did."""
        return [one for one in self.bookings if one.undone == undone]
