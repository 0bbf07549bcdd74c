"""The protocol: a warm-up at alpha = 1 in which bits are measured, then a budget on a schedule."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from revc.errors import BindError
from revc.runtime.metered.books import Books
from revc.runtime.model import ReversibleModel

Schedule = Callable[[float], float]


def linear(start: float, end: float) -> Schedule:
    """Return a schedule from `start` to `end`, as a function of the progress in [0, 1]."""
    return lambda progress: start + (end - start) * progress


def cosine(start: float, end: float) -> Schedule:
    """Return a schedule from `start` to `end` that leaves and arrives slowly."""
    return lambda progress: end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


class Protocol:
    """A callback: ``protocol.step(out)`` after each run sets the throttles of the next.

    During `warmup` steps every valve is exact. Then alpha is what the budget allows: 1 - b / l, for
    b the schedule's bits and l what the valve wrote on average so far, both a unit. `history` has
    a plain dict a step: step, alpha, and written, drawn and net bits a unit, by meter.

    Args:
        model: the compiled model.
        budget: the schedule of the bits that a valve may lose, a unit.
        steps: how many steps the schedule takes after the warm-up.
        warmup: steps at alpha = 1.
        units: units in a sequence and run of a valve: its tokens times its turns, say.
        meters: the valves; by default all that a budget bounds.

    Raises:
        BindError: a number is not positive, or no budget bounds any valve.
    """

    def __init__(
        self, model: ReversibleModel, budget: Schedule, *, steps: int, warmup: int,
        units: float = 1.0, meters: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        chosen = tuple(model.throttle.budgeted) if meters is None else tuple(meters)
        names = [name.rpartition(".")[2] for name in chosen]
        self.meters = [name for name in names if name in model.interface.plan.valves]
        if not self.meters:
            raise BindError("no valve is under a budget on net: there is nothing to schedule")
        if steps < 1 or warmup < 1 or units <= 0:
            raise BindError(f"steps = {steps}, warmup = {warmup}, units = {units:g}: want above 0")
        self.model, self.budget, self.steps, self.warmup = model, budget, steps, warmup
        self.units, self.done = units, 0
        self.history: list[dict[str, Any]] = []
        self._sums = dict.fromkeys(self.meters, 0.0)
        for meter in self.meters:
            model.throttle[meter] = 1.0

    def step(self, out: Any) -> dict[str, Any]:
        """Note what a run did, and set the throttles of the next.

        Args:
            out: the run's result.

        Returns:
            The note, as in `history`.

        Raises:
            BindError: the result was copied without its ledger.
        """
        books = out.ledger
        row: dict[str, Any] = {"step": self.done}
        for meter in self.meters:
            row[meter] = self._measured(books, meter)
            self._sums[meter] += row[meter]["written"]
        self.done += 1
        self.history.append(row)
        if self.done >= self.warmup:
            progress = min(1.0, (self.done - self.warmup) / self.steps)
            for meter in self.meters:
                self.model.throttle[meter] = self._alpha(meter, self.budget(progress))
        return row

    def _measured(self, books: Books, meter: str) -> dict[str, float]:
        row = {
            account: float(books.bits(account, meter).mean()) / self.units
            for account in ("written", "drawn", "net")
        }
        return {"alpha": self.model.throttle.of(meter), **row}

    def _alpha(self, meter: str, bits: float) -> float:
        mean = self._sums[meter] / self.done
        return 1.0 if mean <= 0 else min(1.0, max(0.0, 1 - bits / mean))
