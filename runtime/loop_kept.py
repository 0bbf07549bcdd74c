"""``repeat`` where what is kept of its turns differs: a body for each choice of values."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from revc.runtime.loop import Body, Layout, Loop, VjpLoop


class Turns(nn.Module):
    """A loop with several bodies, of which another may run each turn.

    `which` are their numbers by the position in the forward pass; `keeps` says of each body whether
    it takes where values are kept, in front of the health. A loop of such bodies always does.
    """

    def __init__(
        self, bodies: Sequence[Body], which: tuple[int, ...], keeps: tuple[bool, ...],
        layout: Layout,
    ) -> None:  # fmt: skip
        super().__init__(bodies[0], layout)
        self.bodies = _registered(bodies)
        self.which, self.keeps = which, keeps

    def at(self, position: int) -> Body:
        """Return what runs a turn, as one that takes where values are kept."""
        number = self.which[position]
        body = self.bodies[number]
        if self.keeps[number]:
            return body

        def without(*args: Any) -> Any:
            return body(*args[:-2], args[-1])

        return without


def _registered(bodies: Sequence[Body]) -> Sequence[Body] | nn.ModuleList:
    """Return bodies so that those which are modules are a module's; an artifact's are functions."""
    modules = [body for body in bodies if isinstance(body, nn.Module)]
    return nn.ModuleList(modules) if len(modules) == len(bodies) else tuple(bodies)


class TurnLoop(Turns, Loop):
    """Runs forward bodies over the turns; takes and returns what `Loop` does."""


class VjpTurnLoop(Turns, VjpLoop):
    """Runs VJP bodies over the turns, last first; takes and returns what `VjpLoop` does."""
