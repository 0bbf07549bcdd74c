"""What a compiled program says of its bits: meters, stacks and budgets; plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from revc.runtime.sizes import ONE, Polynomial

Row = tuple[str, str]

TAPE = "tape"
RESERVOIR = "reservoir"


@dataclass(frozen=True)
class Stack:
    """A tape or reservoir that the spec declares; `bits` is what a sequence may draw from it."""

    name: str
    kind: str
    seed: int | None = None
    bits: int | None = None


@dataclass(frozen=True)
class Budget:
    """A bound on `meter` (put, draw or net) of `targets`, the names of meters, in bits a unit.

    `occurrences` is how often the meters are reached in one run (in one turn, for bits/step), as a
    polynomial in its free sizes: a bound that is not per valve is shared among them.
    """

    meter: str
    targets: tuple[str, ...]
    bound: float
    units: tuple[str, ...]
    occurrences: Polynomial = ONE

    @property
    def text(self) -> str:
        """Return the budget as it is written."""
        units = "".join(f"/{unit}" for unit in self.units)
        return f"{self.meter}({', '.join(self.targets)}) <= {self.bound:g} bits{units}"


@dataclass(frozen=True)
class Plan:
    """What a run needs to know.

    `rows` are those of the code lengths, in order: a meter and its side, put or draw. `valves`
    are the meters that can be throttled. `rewrites`
    says that undoing a run writes over words of its tape, as exact scaling does.
    """

    rows: tuple[Row, ...] = ()
    stacks: tuple[Stack, ...] = ()
    budgets: tuple[Budget, ...] = ()
    valves: tuple[str, ...] = ()
    rewrites: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The meters, each once, in program order."""
        return tuple(dict.fromkeys(name for name, _ in self.rows))

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Plan":
        """Return the plan that `to_json` gave."""
        budgets = (
            {
                **b,
                "targets": tuple(b["targets"]),
                "units": tuple(b["units"]),
                "occurrences": tuple((float(f), tuple(n)) for f, n in b["occurrences"]),
            }
            for b in data["budgets"]
        )
        return Plan(
            tuple((name, side) for name, side in data["rows"]),
            tuple(Stack(**stack) for stack in data["stacks"]),
            tuple(Budget(**budget) for budget in budgets),
            tuple(data["valves"]),
            data["rewrites"],
        )


NO_BITS = Plan()
"""The plan of a program that exchanges none."""
