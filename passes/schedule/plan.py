"""Plans: an action for each segment, and the units that the backward pass works through."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from revc.passes.schedule.chain import Chain
from revc.passes.schedule.errors import PlanError


class Action(StrEnum):
    """How a segment's backward pass gets its input and its residuals."""

    SAVE = "SAVE"
    CHECKPOINT = "CHECKPOINT"
    JOIN = "JOIN"
    INVERT = "INVERT"
    OFFLOAD = "OFFLOAD"
    COMPRESS = "COMPRESS"


@dataclass(frozen=True, slots=True)
class Unit:
    """Segments `first` to `last`, counted from 1, that go backwards together.

    A CHECKPOINT with the JOINs behind it is one unit; any other segment is one by itself.
    """

    action: Action
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Plan:
    """An action for each segment."""

    actions: tuple[Action, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Return the plan of actions by name.

        Raises:
            PlanError: a word is no action.
        """
        try:
            return cls(tuple(map(Action, words)))
        except ValueError as error:
            raise PlanError(f"{error}: the actions are {', '.join(Action)}") from None

    @classmethod
    def from_units(cls, units: Iterable[Unit]) -> Self:
        """Return the plan whose units these are, in order."""
        return cls(
            tuple(
                unit.action if number == unit.first else Action.JOIN
                for unit in units
                for number in range(unit.first, unit.last + 1)
            )
        )

    def units(self) -> Iterator[Unit]:
        """Yield the units in order."""
        first = 1
        for number in range(1, len(self.actions) + 1):
            if number == len(self.actions) or self.actions[number] is not Action.JOIN:
                yield Unit(self.actions[first - 1], first, number)
                first = number + 1

    def outliving(self, chain: Chain) -> set[int]:
        """Return the i whose x_i a skip takes beyond the end of a unit: they stay on the device."""
        first = {j: unit.first for unit in self.units() for j in range(unit.first, unit.last + 1)}
        return {i for i, j in chain.skips if first[j] > i + 1}

    def check(self, chain: Chain) -> None:
        """Refuse a plan that is not legal for a chain.

        Raises:
            PlanError: the lengths differ, a JOIN has nothing to join, INVERT meets an opaque
                segment, or OFFLOAD a chain without bandwidth.
        """
        if len(self.actions) != len(chain.segments):
            count = len(chain.segments)
            raise PlanError(f"{len(self.actions)} actions for the {count} segments of {chain.name}")
        before: Action | None = None
        for number, (action, segment) in enumerate(zip(self.actions, chain.segments, strict=True)):
            where = f"segment {number + 1} ({segment.name})"
            if action is Action.JOIN and before not in (Action.CHECKPOINT, Action.JOIN):
                raise PlanError(f"{where}: JOIN follows a CHECKPOINT or a JOIN, not {before}")
            if action is Action.COMPRESS:
                raise PlanError(f"{where}: COMPRESS is for modules, a chain knows no codes")
            if action is Action.INVERT and segment.kind != "invertible":
                raise PlanError(f"{where}: INVERT needs an invertible segment, this is opaque")
            if action is Action.OFFLOAD and chain.offload_bandwidth is None:
                raise PlanError(f"{where}: OFFLOAD needs the chain's offload_bandwidth")
            before = action


def save_all(chain: Chain) -> Plan:
    """Return the plan that saves everything."""
    return Plan((Action.SAVE,) * len(chain.segments))
