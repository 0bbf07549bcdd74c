"""Which segments to save: against all choices there are, and on long chains."""

import random
from collections.abc import Sequence
from itertools import product

import pytest

from revc.errors import ScheduleError
from revc.passes.schedule.segments import Cost, choose, least_memory

Found = tuple[int, float]


def taken(costs: Sequence[Cost], loss: int, saved: Sequence[bool]) -> Found | None:
    """Return the peak and the time of a choice, None if it saves what cannot be."""
    kept, peak, time, before = 0, 0, 0.0, True
    for cost, save in zip(costs, saved, strict=True):
        if save and cost.kept is None:
            return None
        start = kept + (cost.snapshot if save and not before else 0)
        peak = max(peak, start + cost.forward[save], start + cost.backward[save])
        kept = start + (cost.kept or 0 if save else cost.held)
        time += 0.0 if save else cost.time
        before = save
    return max(peak, kept + loss), time


def drawn(seed: int) -> tuple[list[Cost], int, int]:
    """Return costs of up to eight segments, the loss's bytes and a budget."""
    rng = random.Random(seed)
    draw = rng.randint
    costs = [
        Cost(
            f"s{i}", rng.choice([None, draw(1, 30)]), rng.choice([0, 0, 3]), draw(0, 10),
            (draw(1, 20), draw(1, 40)), (draw(1, 40), draw(1, 40)), rng.choice([1.0, 2.0, 3.5]),
        )
        for i in range(draw(1, 8))
    ]  # fmt: skip
    return costs, draw(1, 10), draw(5, 150)


@pytest.mark.parametrize("seed", range(300))
def test_the_choice_is_the_best_of_all(seed: int) -> None:
    costs, loss, memory = drawn(seed)
    ways = [taken(costs, loss, saved) for saved in product((False, True), repeat=len(costs))]
    known = [way for way in ways if way is not None]
    fitting = [time for peak, time in known if peak <= memory]
    if not fitting:
        least = min(peak for peak, _ in known)
        assert least_memory(costs, loss)[0] == least
        with pytest.raises(ScheduleError, match=f"at most {memory} bytes: the least is {least}"):
            choose(costs, loss, memory)
        return
    found = choose(costs, loss, memory)
    assert taken(costs, loss, found.saved) == (found.peak, found.time)
    assert found.time == found.bound == min(fitting)
    assert found.peak <= memory


@pytest.mark.parametrize(("share", "gap"), [(0.02, 1.01), (0.2, 1.01), (0.5, 1.01), (0.9, 1.05)])
def test_long_chains_come_near_the_bound(share: float, gap: float) -> None:
    rng = random.Random(0)
    costs = [
        Cost(f"s{i}", rng.randint(500, 1500), 0, 100, (300, 400), (600, 500), rng.uniform(1, 3))
        for i in range(300)
    ]
    whole = choose(costs, 200, 1 << 40)
    assert whole.time == 0
    found = choose(costs, 200, int(whole.peak * share), bins=256)
    assert found.bound <= found.time <= gap * found.bound
    assert found.peak <= whole.peak * share
