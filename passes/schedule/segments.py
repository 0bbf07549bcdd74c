"""Which segments of a reversible model to save: the least recomputation within a memory budget.

A label method (resource-constrained shortest path; Irnich and Desaulniers, 2005): position by
position, what is kept so far and what it costs, with the dominated choices left out. Kept bytes are
exact in every label, so a plan fits by construction; where there are more labels than bins, the
cheapest of a bin stays, at a price for what it keeps that gives a bound too (Lagrange).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from revc.errors import ScheduleError

BINS, LABELS = 4096, 200_000


@dataclass(frozen=True)
class Cost:
    """What the two actions of a segment take. Bytes beside what is kept of the segments before it.

    Attributes:
        name: where it stands.
        kept: bytes kept until its backward pass, if it is saved; None if it cannot be.
        held: the same if it inverts: what it forgets.
        snapshot: the state in front of it, kept where it is saved and the segment before inverts.
        forward: the most bytes held in its forward pass, by action: invert, save.
        backward: the same for its backward pass, which has what it keeps itself too.
        time: what inverting takes longer than saving, in any unit.
    """

    name: str
    kept: int | None
    held: int
    snapshot: int
    forward: tuple[int, int]
    backward: tuple[int, int]
    time: float


class TooLittleError(ScheduleError):
    """No choice fits; `least` is the least budget that one does, and `name` what sets it."""

    def __init__(self, memory: int, least: int, name: str) -> None:
        super().__init__(
            f"no schedule holds at most {memory} bytes: the least is {least}, which {name} sets"
        )
        self.least, self.name = least, name


@dataclass(frozen=True)
class Choice:
    """Which segments are saved, and what that takes.

    `bound` is a time that no choice within the budget undercuts.
    """

    saved: tuple[bool, ...]
    peak: int
    time: float
    bound: float


class _Label(NamedTuple):
    kept: int
    time: float
    peak: int
    saved: bool
    before: "_Label | None"


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
    bins = bins or max(256, min(BINS, LABELS // max(1, len(costs))))
    bound, price = _bound(costs, loss, memory)
    found = _search(costs, loss, memory, bins, price)
    if found is None:
        least, name = least_memory(costs, loss)
        raise TooLittleError(memory, least, name)
    best, thinned = found
    bound = bound if thinned else best.time
    saved: list[bool] = []
    label: _Label | None = best
    while label is not None and label.before is not None:
        saved.append(label.saved)
        label = label.before
    return Choice(tuple(reversed(saved)), best.peak, best.time, min(bound, best.time))


def least_memory(costs: Sequence[Cost], loss: int) -> tuple[int, str]:
    """Return the least budget that a choice fits, and what sets it: a segment, or the loss."""
    low, high = 0, _most(costs, loss)
    while low < high:
        middle = (low + high) // 2
        if _search(costs, loss, middle, BINS) is None:
            low = middle + 1
        else:
            high = middle
    for index, cost in enumerate(costs):
        if _search(costs[: index + 1], 0, low - 1, BINS) is None:
            return low, cost.name
    return low, "the loss"


def _most(costs: Sequence[Cost], loss: int) -> int:
    kept = sum((c.kept or 0) + c.held + c.snapshot for c in costs)
    return kept + loss + max((max(*c.forward, *c.backward) for c in costs), default=0)


def _bound(costs: Sequence[Cost], loss: int, memory: int) -> tuple[float, float]:
    """Return a time that no choice undercuts which leaves room for the loss, and a byte's price.

    For any price of a byte, the least time and price of what is kept, less the price of all that
    may be kept, is one (Lagrange); it is concave in the price, and the best is searched for.
    """
    room = memory - loss
    low, high = 0.0, 1.0
    while _priced(costs, high, room) < _priced(costs, 2 * high, room) and high < 1e18:
        high *= 2
    high *= 2
    for _ in range(80):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        if _priced(costs, one, room) < _priced(costs, two, room):
            low = one
        else:
            high = two
    price = (low + high) / 2
    return max(0.0, _priced(costs, price, room)), price


def _priced(costs: Sequence[Cost], price: float, room: int) -> float:
    """Return the bound that a price gives."""
    inverts, saves = float("inf"), 0.0  # the least behind a segment, by its action
    for cost in costs:
        least = min(inverts, saves)
        inverting = least + cost.time + price * cost.held
        kept = float("inf") if cost.kept is None else price * cost.kept
        saves = min(saves, inverts + price * cost.snapshot) + kept
        inverts = inverting
    return min(inverts, saves) - price * room


def _search(
    costs: Sequence[Cost], loss: int, memory: int, bins: int, price: float = 0.0
) -> tuple[_Label, bool] | None:
    """Return the best label at the end, and whether any were left out for want of bins."""
    thinned = False
    labels = [_Label(0, 0.0, 0, True, None)]  # nothing below the first segment needs its state
    for cost in costs:
        fresh = [one for label in labels for one in _next(label, cost, memory)]
        labels, fewer = _undominated(fresh, bins, memory, price)
        thinned |= fewer
    ends = [label for label in labels if label.kept + loss <= memory]
    if not ends:
        return None
    best = min(ends, key=lambda label: (label.time, label.peak, label.kept))
    return best._replace(peak=max(best.peak, best.kept + loss)), thinned


def _next(label: _Label, cost: Cost, memory: int) -> list[_Label]:
    """Return the labels behind a segment: it inverts, or it is saved."""
    found = []
    for saved in (False, True):
        if saved and cost.kept is None:
            continue
        first = saved and not label.saved
        start = label.kept + (cost.snapshot if first else 0)
        kept = start + ((cost.kept or 0) if saved else cost.held)
        peak = max(start + cost.forward[saved], start + cost.backward[saved])
        if peak > memory:
            continue
        time = label.time + (0.0 if saved else cost.time)
        found.append(_Label(kept, time, max(label.peak, peak), saved, label))
    return found


def _undominated(
    labels: list[_Label], bins: int, memory: int, price: float
) -> tuple[list[_Label], bool]:
    """Return the labels that none of the same action beats in bytes and time; few enough.

    Of those in a bin the cheapest stays, with what it keeps at a price.
    """
    result: list[_Label] = []
    thinned = False
    for saved in (False, True):
        best, kept = float("inf"), list[_Label]()
        for label in sorted((x for x in labels if x.saved is saved), key=lambda x: x[:3]):
            if label.time < best:
                best = label.time
                kept.append(label)
        if len(kept) > bins:
            thinned = True
            unit = max(1, memory // bins)
            kept.sort(key=lambda label: label.time + price * label.kept, reverse=True)
            kept = list({label.kept // unit: label for label in kept}.values())
        result += kept
    return result, thinned
