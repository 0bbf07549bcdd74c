"""The keys that nets of one run draw: which call of a net gets which, on the way there and back.

A call of a net that draws random numbers takes one key of 128 bits from a reservoir of the run, and
what it draws is expanded from that (`revc.runtime.bits.expand`). A call that is evaluated again,
because a segment is rebuilt, is known by the segment's position in the run, the net's name, the
place in the code, and how often that place was reached; it gets the same key. Torch's generators
are neither read nor moved.
"""

import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import torch

from revc.errors import BindError
from revc.runtime.bits import host
from revc.runtime.bits.expand import Key, key_number
from revc.runtime.metered.books import Books
from revc.runtime.metered.key_costs import book, cost
from revc.runtime.metered.settings import stack_seed

if TYPE_CHECKING:
    from revc.runtime.metered.session import Session

_PLACE = 255
"""The reservoir's place among a program's stacks, which gives its seed."""


def keys_seed(number: int) -> int:
    """Return the seed of the reservoir that a run's keys come from, by the run's number."""
    return stack_seed(number, _PLACE, reservoir=True, own=None)


def refuse_replays(net: str, device: torch.device) -> None:
    """Refuse to draw a key where replays would all draw the same.

    Raises:
        BindError: a CUDA graph captures the run.
    """
    if host.captures(device):
        raise BindError(
            f"net {net!r} draws random numbers, and a CUDA graph captures the run: each "
            "replay would draw the same; `dropout` of std.nets draws anew in each"
        )


class Call(NamedTuple):
    """A call of a net in a run: where, and how often that place was reached in the segment."""

    position: int
    net: str
    place: str
    times: int


class Keys:
    """The keys of one run.

    `number` returns what the run's random bits depend on: it is asked when the first net draws.
    They are booked in the books of the run's session, or in their own if it has none. `states` are
    those of torch's generators before each call of a net that is called as it is, and `replayed`
    the nets that drew from these.
    """

    def __init__(
        self, number: Callable[[], int], sequences: int, device: torch.device,
        session: "Session | None" = None,
    ) -> None:  # fmt: skip
        self._number, self._session, self._device = number, session, device
        self._seed: int | None = None
        self.books = Books(sequences, device) if session is None else session.books
        self.known: dict[Call, int] = {}
        self.states: dict[Call, object] = {}
        self.replayed: set[str] = set()
        self._ends: dict[int, Counter[tuple[str, str]]] = {}
        self._now = threading.local()

    @contextmanager
    def passing(self, position: int, back: bool) -> Iterator[None]:
        """Count the calls of the segment at a position of the run; `back` counts them down."""
        counts: Counter[tuple[str, str]] = Counter(self._ends.get(position, ()) if back else ())
        if not back:
            self._ends[position] = counts
        before = getattr(self._now, "at", None)
        self._now.at = position, back, counts
        try:
            yield
        finally:
            self._now.at = before

    def call(self, net: str, place: str) -> Call:
        """Return which call of the run this is; each asking is a call."""
        position, back, counts = self._now.at
        counts[net, place] += -1 if back else 1
        return Call(position, net, place, counts[net, place] - (0 if back else 1))

    def of(self, call: Call, device: torch.device) -> Key:
        """Return the key of a call: that of the first time, or a new one, which is booked.

        Raises:
            BindError: a CUDA graph captures the run, whose replays would all draw the same.
        """
        refuse_replays(call.net, device)
        if self._seed is None:
            self._seed = keys_seed(self._number())
        index = self.known.get(call)
        if index is None:
            index = self.known[call] = len(self.known)
            self._book(self.books, 1)
        elif self._session is not None and self._session.back:
            self._book(self._session.back_books, -1)
        return key_number(self._seed, index)

    def calls(self) -> list[tuple[int, str, str]]:
        """Return position, net and place of each call that drew, in order."""
        return [call[:3] for call in self.known]

    def recall(self, calls: Iterable[tuple[int, str, str]]) -> None:
        """Know the calls of a run, which is taken back from bytes; they are booked already."""
        for position, net, place in calls:
            ends = self._ends.setdefault(position, Counter())
            self.known[Call(position, net, place, ends[net, place])] = len(self.known)
            ends[net, place] += 1

    def _book(self, books: Books, sign: int) -> None:
        book(books, cost(sign, books.sequences, self._device))


class _Same(Keys):
    """Keys outside of a run, where nothing tells calls apart: all get one, and none is booked."""

    def __init__(self) -> None:
        super().__init__(lambda: 0, 0, torch.device("cpu"))

    def call(self, net: str, place: str) -> Call:
        """Return one call for all."""
        return Call(0, net, place, 0)

    def of(self, call: Call, device: torch.device) -> Key:
        """Return a key that is the same for the same name and place."""
        return key_number(0, zlib.crc32(repr(call).encode()))


NO_KEYS = _Same()
