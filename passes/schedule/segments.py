"""What to keep of the segments of a reversible model: the least recomputation within a budget.

A label method (resource-constrained shortest path; Irnich and Desaulniers, 2005): position by
position, what is kept so far and what it costs, with the dominated choices left out. Kept bytes are
exact in every label, so a plan fits by construction; where there are more labels than bins, the
cheapest of a bin stays, at a price for what it keeps. That price bounds what the rest of the way
costs at least (Lagrange): labels that cannot beat a choice that is known are left out too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from revc.errors import BudgetError

BINS, LABELS, FIRST = 4096, 400_000, 64
"""The most bins of a position, the labels of all, and the bins of the search that comes first."""


@dataclass(frozen=True)
class Way:
    """What an action of a segment takes. Bytes beside what is kept of the segments before it.

    Attributes:
        kept: bytes kept until its backward pass.
        forward: the most bytes held in its forward pass.
        backward: the same for its backward pass, which has what it keeps itself too.
        time: what it takes longer than what is fastest, in any unit.
        rebuilds: its backward pass starts from the state behind the segment, and leaves that in
            front; one that does not asks for no state.
    """

    kept: int
    forward: int
    backward: int
    time: float
    rebuilds: bool = True


@dataclass(frozen=True)
class Cost:
    """What a segment may do, and what that takes.

    Attributes:
        name: where it stands.
        snapshot: the bytes of the state in front of it, kept where it rebuilds nothing and the
            segment before it does.
        ways: of its actions.
        entry: bytes held where the way back begins at that state, since this segment and all behind
            it ask for none, beside what is kept of those before.
    """

    name: str
    snapshot: int
    ways: tuple[Way, ...]
    entry: int = 0


class TooLittleError(BudgetError):
    """No choice fits; `least` is the least budget that one does, and `name` what sets it."""

    def __init__(self, memory: int, least: int, name: str) -> None:
        super().__init__(
            f"no schedule holds at most {memory} bytes: the least is {least}, which {name} sets"
        )
        self.memory, self.least, self.name = memory, least, name

    def about(self, what: str) -> "TooLittleError":
        """Return the error that also says something of what sets the least budget."""
        return TooLittleError(self.memory, self.least, f"{self.name} ({what})")


@dataclass(frozen=True)
class Choice:
    """Which way each segment goes, by number, and what that takes.

    `bound` is a time that no choice within the budget undercuts.
    """

    ways: tuple[int, ...]
    peak: int
    time: float
    bound: float


class _Label(NamedTuple):
    kept: int
    time: float
    peak: int
    rebuilds: bool
    way: int
    before: "_Label | None"


_START = _Label(0, 0.0, 0, False, 0, None)
"""Nothing below the first segment needs its state."""


def choose(costs: Sequence[Cost], loss: int, memory: int, bins: int | None = None) -> Choice:
    """Return the choice of least time whose peak is at most `memory` bytes.

    Args:
        costs: of the segments that a run passes, in order.
        loss: bytes held at the loss, beside what is kept.
        memory: the budget.
        bins: how many labels a position may have; fewer for many segments if left out.

    Raises:
        TooLittleError: no choice fits.
    """
    count = sum(len(cost.ways) for cost in costs)
    bins = bins or max(256, min(BINS, LABELS // max(1, count)))
    if not _fits(costs, loss, memory):
        least, name = least_memory(costs, loss)
        raise TooLittleError(memory, least, name)
    search = _Search(costs, loss, memory)
    first, thinned = search.run(FIRST)
    best, thinned = search.run(bins, first) if thinned else (first, False)
    bound = search.bound if thinned else best.time
    ways: list[int] = []
    label: _Label | None = best
    while label is not None and label.before is not None:
        ways.append(label.way)
        label = label.before
    return Choice(tuple(reversed(ways)), best.peak, best.time, min(bound, best.time))


# --- whether any fits ----------------------------------------------------------------------------


def least_memory(costs: Sequence[Cost], loss: int) -> tuple[int, str]:
    """Return the least budget that a choice fits, and what sets it: a segment, or the loss."""
    low, high = 0, _most(costs, loss)
    while low < high:
        middle = (low + high) // 2
        if _fits(costs, loss, middle):
            high = middle
        else:
            low = middle + 1
    for index, cost in enumerate(costs):
        if not _fits(costs[: index + 1], 0, low - 1):
            return low, cost.name
    return low, "the loss"


def _most(costs: Sequence[Cost], loss: int) -> int:
    ways = [way for cost in costs for way in cost.ways]
    kept = sum(max(way.kept for way in cost.ways) + cost.snapshot for cost in costs)
    passes = [max(way.forward, way.backward) for way in ways]
    return kept + loss + max([*passes, *(cost.entry for cost in costs)], default=0)


def _fits(costs: Sequence[Cost], loss: int, memory: int) -> bool:
    """Say whether a choice fits: behind each segment the least that may be kept decides."""
    least = [_START]
    for cost in costs:
        found = [one for label in least for one in _next(label, cost, memory)]
        kinds = ([x for x in found if x.rebuilds is kind] for kind in (False, True))
        least = [min(kind, key=lambda label: label.kept) for kind in kinds if kind]
    return any(label.kept + loss <= memory for label in least)


# --- a bound -------------------------------------------------------------------------------------


def _price(costs: Sequence[Cost], room: int) -> float:
    """Return the price of a byte that gives the best bound, if `room` bytes may be kept.

    For any price, the least time and price of what is kept, less the price of all that may be, is
    a time that no choice undercuts; it is concave in the price.
    """
    bound = lambda price: _onwards(costs, price)[0][False] - price * room  # noqa: E731
    low, high = 0.0, 1.0
    while bound(high) < bound(2 * high) and high < 1e18:
        high *= 2
    high *= 2
    for _ in range(80):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        if bound(one) < bound(two):
            low = one
        else:
            high = two
    return (low + high) / 2


def _onwards(costs: Sequence[Cost], price: float) -> list[tuple[float, float]]:
    """Return what the way on from each position costs at least, kept bytes at a price.

    Of each two figures the second is for where the segment in front rebuilds.
    """
    found = [(0.0, 0.0)]
    for cost in reversed(costs):
        rest = found[-1]
        on = [(way.time + price * way.kept + rest[way.rebuilds], way.rebuilds) for way in cost.ways]
        copy = price * cost.snapshot
        after = min(total if rebuilds else total + copy for total, rebuilds in on)
        found.append((min(total for total, _ in on), after))
    return found[::-1]


# --- the search ----------------------------------------------------------------------------------


class _Search:
    """The label method for one budget, which a choice fits; `bound` is a time none undercuts."""

    def __init__(self, costs: Sequence[Cost], loss: int, memory: int) -> None:
        self.costs, self.loss, self.memory = costs, loss, memory
        room = memory - loss
        self.price = _price(costs, room)
        self.onwards = _onwards(costs, self.price)
        self.paid = self.price * room
        self.bound = max(0.0, self.onwards[0][False] - self.paid)

    def run(self, bins: int, known: _Label | None = None) -> tuple[_Label, bool]:
        """Return the best label at the end, and whether any were left out for want of bins.

        `known` is one that is there to be beaten.
        """
        thinned = False
        labels = [_START]
        for index, cost in enumerate(self.costs, 1):
            fresh = [one for label in labels for one in _next(label, cost, self.memory)]
            if known is not None:
                best, rest = known.time + self.paid, self.onwards[index]
                fresh = [x for x in fresh if self._priced(x) + rest[x.rebuilds] < best]
            labels, fewer = self._undominated(fresh, bins)
            thinned |= fewer
        ends = [label for label in labels if label.kept + self.loss <= self.memory]
        ends = [label._replace(peak=max(label.peak, label.kept + self.loss)) for label in ends]
        ends += [] if known is None else [known]
        return min(ends, key=lambda label: (label.time, label.peak, label.kept)), thinned

    def _priced(self, label: _Label) -> float:
        return label.time + self.price * label.kept

    def _undominated(self, labels: list[_Label], bins: int) -> tuple[list[_Label], bool]:
        """Return the labels that none that goes on alike beats in bytes and time; few enough.

        Of those in a bin the cheapest stays, with what it keeps at a price, and the smallest of
        all: it goes on if any does.
        """
        result: list[_Label] = []
        thinned = False
        for rebuilds in (False, True):
            best, kept = float("inf"), list[_Label]()
            for label in sorted((x for x in labels if x.rebuilds is rebuilds), key=lambda x: x[:3]):
                if label.time < best:
                    best = label.time
                    kept.append(label)
            if len(kept) > bins:
                thinned = True
                unit, smallest = max(1, self.memory // bins), kept[0]
                kept.sort(key=self._priced, reverse=True)
                kept = [smallest, *{label.kept // unit: label for label in kept}.values()]
            result += kept
        return result, thinned


def _next(label: _Label, cost: Cost, memory: int) -> list[_Label]:
    """Return the labels behind a segment, one for each way that it may go."""
    found = []
    for number, way in enumerate(cost.ways):
        copies = label.rebuilds and not way.rebuilds
        start = label.kept + (cost.snapshot if copies else 0)
        peak = start + max(way.forward, way.backward)
        peak = max(peak, label.kept + cost.entry) if copies else peak
        if peak <= memory:
            peak, time = max(label.peak, peak), label.time + way.time
            found.append(_Label(start + way.kept, time, peak, way.rebuilds, number, label))
    return found
