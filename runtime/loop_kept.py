"""``repeat`` where what is kept of its turns differs: a body for each choice of values."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from revc.runtime.loop import Body, Layout, Loop, VjpLoop


class Turns:
    """Which of several bodies runs the turn at each position of the forward pass.

    `which` are their numbers; `keeps` says of each body whether it takes where values are kept, in
    front of the health. A loop of such bodies always does.
    """

    bodies: nn.ModuleList
    which: tuple[int, ...]
    keeps: tuple[bool, ...]

    def chosen(self, position: int) -> Body:
        """Return what runs a turn, as one that takes where values are kept."""
        number = self.which[position]
        body = self.bodies[number]
        if self.keeps[number]:
            return body

        def without(*args: Any) -> Any:
            return body(*args[:-2], args[-1])

        return without


class TurnLoop(Loop, Turns):
    """Runs forward bodies over the turns; takes and returns what `Loop` does."""

    def __init__(
        self, bodies: Sequence[nn.Module], which: tuple[int, ...], keeps: tuple[bool, ...],
        layout: Layout,
    ) -> None:  # fmt: skip
        super().__init__(bodies[0], layout)
        self.bodies, self.which, self.keeps = nn.ModuleList(bodies), which, keeps

    def at(self, position: int) -> Body:
        """Return what runs the turn at a position of the forward pass."""
        return self.chosen(position)


class VjpTurnLoop(VjpLoop, Turns):
    """Runs VJP bodies over the turns, last first; takes and returns what `VjpLoop` does."""

    def __init__(
        self, bodies: Sequence[nn.Module], which: tuple[int, ...], keeps: tuple[bool, ...],
        layout: Layout,
    ) -> None:  # fmt: skip
        super().__init__(bodies[0], layout)
        self.bodies, self.which, self.keeps = nn.ModuleList(bodies), which, keeps

    def at(self, position: int) -> Body:
        """Return what runs the turn at a position of the forward pass."""
        return self.chosen(position)
