"""What a segment of a compiled program takes, gives and does: plain data, beside its graphs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from revc.runtime.ports import Ports
from revc.runtime.sizes import Polynomial, evaluate


@dataclass(frozen=True)
class SegmentPlan:
    """A stretch of the program that is executed, checked and taken back as one.

    It runs the graphs called `graph` on the registers `takes`, which become `gives`; `givens` are
    registers and givens that it reads besides. `sizes` are the free sizes that the graphs take, the
    turn's index among them. `rows[t]` names the nets of turn t, one row for all where they are
    shared. `turns` is the number of turns, None for a segment that is no loop. `metered` says that
    it exchanges bits; `labels` are those of its registers and givens that hold labels; `forgets`
    says what it forgets, and where; `changes` are the registers it takes that it does not give as
    they are. `values` are those within its nets that a run may keep, named as in
    ``Layer_0.mlp_0.out``.
    """

    name: str
    graph: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    givens: tuple[str, ...]
    emits: tuple[str, ...]
    sizes: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    turns: Polynomial | None = None
    index: str | None = None
    backwards: bool = False
    metered: bool = False
    labels: tuple[str, ...] = ()
    forgets: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def loop(self) -> bool:
        """Whether it has turns."""
        return self.turns is not None

    @cached_property
    def float_takes(self) -> tuple[str, ...]:
        """Those of the registers that it takes that cotangents flow to: all but labels."""
        return self._floats(self.takes)

    @cached_property
    def float_gives(self) -> tuple[str, ...]:
        """Those of the registers that it gives that cotangents come from."""
        return self._floats(self.gives)

    @cached_property
    def float_givens(self) -> tuple[str, ...]:
        """Those of its givens that cotangents flow to."""
        return self._floats(self.givens)

    def _floats(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in self.labels)

    @cached_property
    def ports(self) -> Ports:
        """What its graphs take and return."""
        takes, gives, givens = len(self.takes), len(self.gives), len(self.givens)
        return Ports(takes, gives, givens, len(self.emits), len(self.rows[0]))

    @property
    def known_count(self) -> int | None:
        """The number of turns where no free size is needed to know it, 1 if it is no loop."""
        if self.turns is None:
            return 1
        found = evaluate(self.turns, {})
        return None if found is None else round(found)

    def count(self, sizes: Mapping[str, int]) -> int:
        """Return the number of turns, 1 if it is no loop."""
        return 1 if self.turns is None else round(evaluate(self.turns, sizes) or 0)
