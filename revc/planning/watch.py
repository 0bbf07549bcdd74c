"""How long a plan may still take, and who is told how it goes."""

import time
from collections.abc import Callable

Progress = Callable[[str, float, float | None], None]
"""Is told what is being done, the share of the plan that is done before it, and the operations
beyond saving everything of the best plan so far, None before there is one."""


class Watch:
    """Tells how a plan goes, and when its time is over.

    `limit` are seconds from when the watch is made; None never ends.
    """

    def __init__(self, limit: float | None = None, progress: Progress | None = None) -> None:
        self._end = None if limit is None else time.monotonic() + limit
        self._progress = progress

    def tell(self, stage: str, share: float, best: float | None = None) -> None:
        """Say what is begun now."""
        if self._progress is not None:
            self._progress(stage, share, best)

    @property
    def over(self) -> bool:
        """Whether the time has ended."""
        return self._end is not None and time.monotonic() >= self._end

    def part(self, parts: int) -> "Watch":
        """Return the watch of what is done now, where so many parts share the time that is left."""
        left = None if self._end is None else max(0.0, self._end - time.monotonic()) / parts
        return Watch(left, self._progress)
