"""What a compiled program says of its bits: meters, stacks and budgets; plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from revc.runtime.metered.coding import Coding
from revc.runtime.plain import frozen
from revc.runtime.sizes import ONE, Polynomial

Row = tuple[str, str]
"""A row of the code lengths: a meter, and its side, put or draw."""

TAPE = "tape"
RESERVOIR = "reservoir"


@dataclass(frozen=True)
class Site:
    """What is known of a statement that exchanges bits; graphs and operators carry its number.

    `kind` is put, draw, valve, scale, mix or apply. It is booked under `meter`, on the side put
    (what tapes grow by) or draw (what reservoirs give), and works on `stack`; a valve draws from
    the reservoir besides. Its code lengths are summed in row `row`.
    """

    kind: str
    meter: str
    side: str
    stack: str
    row: int
    coding: Coding

    @property
    def draws(self) -> bool:
        """Whether the side is draw."""
        return self.side == "draw"


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
    """What a run needs to know of a program's bits.

    `sites` are its statements that exchange any, each once, in program order. `rewrites` says that
    undoing a run writes over words of its tape, as exact scaling does.
    """

    sites: tuple[Site, ...] = ()
    stacks: tuple[Stack, ...] = ()
    budgets: tuple[Budget, ...] = ()
    rewrites: bool = False

    def __bool__(self) -> bool:
        return len(self.sites) > 0  # Dynamo (2.11) has no `bool` of a tuple

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the code lengths, in order."""
        return tuple(dict.fromkeys((site.meter, site.side) for site in self.sites))

    @property
    def names(self) -> tuple[str, ...]:
        """The meters, each once, in program order."""
        return tuple(dict.fromkeys(site.meter for site in self.sites))

    @property
    def valves(self) -> tuple[str, ...]:
        """The meters of valves, which can be throttled."""
        return tuple(dict.fromkeys(site.meter for site in self.sites if site.kind == "valve"))

    def moves(self, training: bool) -> bool:
        """Say whether a run moves any bits: dropouts alone do in training only."""
        return any(training or site.coding.family != "dropout" for site in self.sites)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Plan":
        """Return the plan that `to_json` gave."""
        return Plan(
            tuple(Site(**{**site, "coding": Coding(**site["coding"])}) for site in data["sites"]),
            tuple(Stack(**stack) for stack in data["stacks"]),
            tuple(Budget(**frozen(budget)) for budget in data["budgets"]),
            data["rewrites"],
        )


NO_BITS = Plan()
"""The plan of a program that exchanges none."""
