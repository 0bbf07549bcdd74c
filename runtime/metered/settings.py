"""How a module's bits are kept: what its owner sets between two runs."""

from collections import UserDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from revc.errors import BindError
from revc.runtime.bits.constants import DEFAULT_LANES

Mode = Literal["lossless", "audit", "deployed"]
MODES = ("lossless", "audit", "deployed")


@dataclass
class BitSettings:
    """The settings that each run of a module starts from.

    `mode`: ``lossless`` keeps tape and reservoir, so that a run can be undone; ``audit`` writes raw
    bit patterns in place of coded values, whatever the distributions say; ``deployed`` throws the
    tape away as the run ends, and counts it as erased. `seed` and `runs`, the number of runs so
    far, fix the random bits of the next run. `lanes` are the coders of a sequence. `spill` is a
    file that the tape streams to as it grows (one run at a time), or ``"host"`` for host memory.
    """

    mode: Mode = "lossless"
    seed: int = 0
    runs: int = 0
    lanes: int = DEFAULT_LANES
    spill: str | Path | None = None

    def check(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            BindError: there is no such mode, or a number is out of range.
        """
        if self.mode not in MODES:
            raise BindError(f"no mode {self.mode!r}: there are {', '.join(MODES)}")
        if self.lanes < 1:
            raise BindError(f"lanes = {self.lanes}: a sequence needs at least one")
        if not 0 <= self.seed < 1 << 31 or self.runs < 0:
            raise BindError(f"seed = {self.seed}, runs = {self.runs}: want 0 <= seed < 2**31")

    def declared(self, seed: int, fresh: bool) -> int:
        """Return the seed of a stack that has one in the spec; `fresh` is another for each run.

        Bit 30 tells it from what `seeds` gives.
        """
        return (seed << 31) + (1 << 30) + (self.runs % (1 << 29) if fresh else 0)

    def seeds(self, own: int | None = None) -> tuple[int, int]:
        """Return the seeds of tape and reservoir of the next run: no two runs share one.

        A run with a seed of its own does not count on those before it.
        """
        number = (self.seed << 31) + (self.runs % (1 << 29) << 1)
        if own is not None:
            number = own << 31
        return number, number + 1


class Throttle(UserDict[str, float]):
    """Throttles by meter, each in [0, 1]: ``model.throttle["va"] = 0.9``; 1 unless set.

    A dotted name means the meter of its last part (``LM.va`` is ``va``).
    """

    def __init__(self, known: Sequence[str] = (), budgeted: Iterable[str] = ()) -> None:
        self.known, self.budgeted = tuple(known), frozenset(budgeted)
        super().__init__()

    def __getitem__(self, name: str) -> float:
        """Return a throttle.

        Raises:
            BindError: no valve has that name.
        """
        return self.data.get(self._meter(name), 1.0)

    def __setitem__(self, name: str, value: float) -> None:
        """Set a throttle.

        Raises:
            BindError: no valve has that name, no budget bounds it, or the value is out of range.
        """
        meter = self._meter(name)
        if not 0 <= value <= 1:
            raise BindError(f"throttle[{name!r}] = {value:g}: a throttle is in [0, 1]")
        if value < 1 and meter not in self.budgeted:
            raise BindError(
                f"throttle[{name!r}] = {value:g}: a valve is throttled under a budget only; "
                f"write `budget net({meter}) <= ...` in the spec"
            )
        self.data[meter] = float(value)

    def __delitem__(self, name: str) -> None:
        """Set a throttle back to 1."""
        self.data.pop(self._meter(name), None)

    def _meter(self, name: str) -> str:
        meter = name.rpartition(".")[2]
        if meter not in self.known:
            raise BindError(f"no valve {name!r}: there are {', '.join(self.known) or 'none'}")
        return meter

    def of(self, meter: str) -> float:
        """Return the throttle of a meter, 1 for one that has none."""
        return self.data.get(meter, 1.0)
