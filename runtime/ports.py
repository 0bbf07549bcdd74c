"""What the graphs of a block take and return: packed and unpacked here, by group.

A graph is called with flat arguments, in the order that `revc.codegen.interface` gives them:

    forward:  takes.., givens.., nets.., sizes.., mode..            -> gives.., emits.., health
    VJP:      gives.., their cotangents.., givens.., their cotangents.., emit cotangents.., nets..,
              sizes.., mode..
              -> takes.., their cotangents.., given cotangents.., net cotangents.., health

`mode` is dtype, low, device, the session's token and the code lengths (in a VJP their cotangent)
if the block exchanges bits, what it forgets if it does, and the health.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor


class Outcome(NamedTuple):
    """What a forward graph returns."""

    gives: list[Tensor]
    emits: list[Tensor]
    health: Tensor


class Pulled(NamedTuple):
    """What a VJP graph returns; a net's cotangents are a tuple, None for those that want none."""

    takes: list[Tensor]
    cotangents: list[Tensor]
    givens: list[Tensor | None]
    nets: list[tuple[Tensor | None, ...] | None]
    health: Tensor


@dataclass(frozen=True)
class Ports:
    """How many values of each group the graphs of a block take and return."""

    takes: int
    gives: int
    givens: int
    emits: int
    nets: int

    def outcome(self, out: Sequence[Any]) -> Outcome:
        """Unpack what a forward graph returned."""
        values = iter(out)
        return Outcome(take(values, self.gives), take(values, self.emits), next(values))

    def undone(self, out: Sequence[Any]) -> tuple[list[Tensor], Tensor]:
        """Unpack what the inverse graph returned: the registers taken, and the health."""
        return list(out[: self.takes]), out[self.takes]

    def pulled(self, out: Sequence[Any]) -> Pulled:
        """Unpack what a VJP graph returned."""
        values = iter(out)
        takes, cots = take(values, self.takes), take(values, self.takes)
        givens, nets = take(values, self.givens), take(values, self.nets)
        return Pulled(takes, cots, givens, nets, next(values))


def take(values: Iterator[Any], count: int) -> list[Any]:
    """Return the next `count` values."""
    return [next(values) for _ in range(count)]
