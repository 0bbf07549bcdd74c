"""What a run forgets, kept for its way back: raw state, last in first out."""

from collections.abc import Sequence

from torch import Tensor


class Forgotten:
    """The registers that a segment forgot in one pass of a run.

    Graphs that forget `put` what a register held; those that go back `take` it, from the last on. A
    way back that others may follow (`retain_graph`) reads copies: `reading`.
    """

    def __init__(self, values: Sequence[Tensor] = (), copies: bool = False) -> None:
        self._values, self._copies = list(values), copies

    def put(self, raw: Tensor) -> None:
        """Keep a register, whose memory nothing else writes to any more."""
        self._values.append(raw)

    def take(self) -> Tensor:
        """Return the last register that was put, to be changed in place."""
        value = self._values.pop()
        return value.clone() if self._copies else value

    def reading(self) -> "Forgotten":
        """Return what holds the same, and gives copies."""
        return Forgotten(self._values, copies=True)

    @property
    def values(self) -> tuple[Tensor, ...]:
        """What is kept, in the order in which it was forgotten."""
        return tuple(self._values)


class Dropped(Forgotten):
    """Keeps nothing: for runs that nobody goes back through."""

    def put(self, raw: Tensor) -> None:
        """Drop it."""


def put(kept: Forgotten, raw: Tensor) -> None:
    """Keep what a register held; see `Forgotten.put`."""
    kept.put(raw)


def take(kept: Forgotten) -> Tensor:
    """Return what a register held; see `Forgotten.take`."""
    return kept.take()
