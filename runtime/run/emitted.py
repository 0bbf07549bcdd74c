"""What a run knows its emits by again: checksums, or signed sums beside a norm with float state."""

from torch import Tensor

from revc.runtime.run.marks import Marks
from revc.runtime.state import drift
from revc.runtime.state.alloc_health import EMITTED, noting


class Emitted:
    """What each segment of a run emitted, as the health of the run took note of it.

    Compared as state is: bit for bit where all state is held in integers, else within the drift
    that the run's marks allow, of the largest norm among its state and its emits.
    """

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self._notes: dict[int, Tensor] = {}
        self._norms: list[Tensor] = []

    def noted(self) -> noting:
        """Return the context in which graphs take note of emits."""
        return noting("checksum" if self.marks.exact else "sketch")

    def put(self, position: int, before: Tensor, after: Tensor, values: list[Tensor]) -> None:
        """Keep what the segment at `position` emitted: `values`, noted between two healths."""
        if not self.marks.on or not values:
            return
        self._notes[position] = self._note(before, after)
        if not self.marks.exact:
            kept = [drift.finite(value) for value in values]
            self._norms.append(drift.largest(drift.sketch(kept)))

    def differs(self, position: int, before: Tensor, after: Tensor) -> Tensor | None:
        """Return whether a segment's emits came out different, 0-dim; None if it has none."""
        if position not in self._notes:
            return None
        now, then = self._note(before, after), self._notes[position]
        if self.marks.exact:
            return now != then
        return ~((now - then).abs() <= self.marks.slack(self._norms))

    def _note(self, before: Tensor, after: Tensor) -> Tensor:
        change = after[2] - before[2]
        return change.remainder(EMITTED) if self.marks.exact else change
