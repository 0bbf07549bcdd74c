"""Raw state that a run keeps where a segment that inverts stands below some that are saved.

It starts from the state in front of them, which nothing rebuilds: so a copy is made there of the
registers that they change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from torch import Tensor

from revc.runtime.schedule import Schedule

if TYPE_CHECKING:
    from revc.runtime.run.run import Step

State = Mapping[str, Tensor]
Noting = Callable[[int, str, Sequence[Any]], None]


class Snapshots:
    """Copies of raw state at borders, by position, and what can be restored of them."""

    def __init__(self, steps: "Sequence[Step]", schedule: Schedule) -> None:
        self._steps, self._schedule = steps, schedule
        self._held: dict[int, dict[str, Tensor]] = {}

    def put(self, position: int, state: State) -> None:
        """Copy what the saved segments from `position` on change, if one below inverts."""
        if position and self._saves(position) and not self._saves(position - 1):
            names = self._changed(position)
            live = self._steps[position].segment.live
            found = {name: state[name].clone() for name in live if name in names}
            self._held[position] = found
            note(position, "snapshot", list(found.values()))

    def below(self, position: int, floor: int) -> int | None:
        """Return a position from `floor` on that the state at `position` can be brought to."""
        first = position
        while first > 0 and self._saves(first - 1):
            first -= 1
        return first if floor <= first < position and first in self._held else None

    def restore(self, position: int, state: State, again: bool) -> dict[str, Tensor]:
        """Return the state at a position from that above; `again` says that it is needed again."""
        held = self._held[position] if again else self._held.pop(position)
        if again:
            held = {name: value.clone() for name, value in held.items()}
        live = self._steps[position].segment.live
        return {name: held[name] if name in held else state[name] for name in live}

    def clear(self) -> None:
        """Let go of all copies."""
        self._held.clear()

    def _saves(self, position: int) -> bool:
        return self._schedule[position].saves

    def _changed(self, position: int) -> set[str]:
        """Return the registers that the saved segments from `position` on change."""
        found: set[str] = set()
        for at in range(position, len(self._steps)):
            if not self._saves(at):
                break
            found.update(self._steps[at].segment.plan.changes)
        return found


# --- who wants to know ---------------------------------------------------------------------------

_noting: ContextVar[Noting | None] = ContextVar("noting", default=None)


def note(position: int, what: str, values: Sequence[Any]) -> None:
    """Tell whoever watches this thread what a run keeps at a position."""
    watcher = _noting.get()
    if watcher is not None:
        watcher(position, what, values)


@contextmanager
def watched(watcher: Noting) -> Iterator[None]:
    """Call `watcher` with position, sort and values of what runs in this thread keep."""
    outer = _noting.set(watcher)
    try:
        yield
    finally:
        _noting.reset(outer)
