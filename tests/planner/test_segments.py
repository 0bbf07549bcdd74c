"""What to keep of segments: against all choices there are, and on long chains."""

import random
from collections.abc import Sequence
from itertools import product
from math import prod

import pytest

from revc.errors import ScheduleError
from revc.passes.schedule.segments import Cost, Way, choose, least_memory

Found = tuple[int, float]


def taken(costs: Sequence[Cost], loss: int, choice: Sequence[int]) -> Found:
    """Return the peak and the time of a choice."""
    kept, peak, time, rebuilt = 0, 0, 0.0, False
    for cost, number in zip(costs, choice, strict=True):
        way = cost.ways[number]
        ends = rebuilt and not way.rebuilds
        start = kept + (cost.snapshot if ends else 0)
        peak = max(peak, start + way.forward, start + way.backward, kept + cost.entry * ends)
        kept, time, rebuilt = start + way.kept, time + way.time, way.rebuilds
    return max(peak, kept + loss), time


def drawn(seed: int) -> tuple[list[Cost], int, int]:
    """Return costs of up to eight segments of up to four ways, the loss's bytes and a budget."""
    rng = random.Random(seed)
    draw = rng.randint

    def way() -> Way:
        rebuilds = rng.random() < 0.7
        time = rng.choice([1.0, 2.0, 3.5]) if rebuilds else rng.choice([0.0, 0.0, 1.0])
        kept = rng.choice([0, 0, 3, 9]) if rebuilds else draw(1, 30)
        return Way(kept, draw(1, 30), draw(1, 40), time, rebuilds)

    while True:
        counts = [draw(1, 4) for _ in range(draw(1, 8))]
        if prod(counts) <= 5000:
            break
    costs = [
        Cost(f"s{i}", draw(0, 10), tuple(way() for _ in range(count)), draw(0, 60))
        for i, count in enumerate(counts)
    ]
    return costs, draw(1, 10), draw(5, 150)


@pytest.mark.parametrize("seed", range(300))
def test_the_choice_is_the_best_of_all(seed: int) -> None:
    costs, loss, memory = drawn(seed)
    ways = product(*(range(len(cost.ways)) for cost in costs))
    known = [taken(costs, loss, way) for way in ways]
    fitting = [time for peak, time in known if peak <= memory]
    least = min(peak for peak, _ in known)
    assert least_memory(costs, loss)[0] == least
    if not fitting:
        with pytest.raises(ScheduleError, match=f"at most {memory} bytes: the least is {least}"):
            choose(costs, loss, memory)
        return
    found = choose(costs, loss, memory)
    assert taken(costs, loss, found.ways) == (found.peak, found.time)
    assert found.time == found.bound == min(fitting)
    assert found.peak <= memory


def long(count: int, levels: int) -> list[Cost]:
    """Return costs of segments that are all different, with `levels` between nothing and all."""
    rng = random.Random(0)
    costs = []
    for index in range(count):
        kept, time = rng.randint(500, 1500), rng.uniform(1, 3)
        shares = sorted(rng.uniform(0, 0.8) for _ in range(levels))
        ways = [Way(0, 300, 600, time)]
        ways += [Way(int(kept * s), 350, 600, time * (1 - s) ** 2) for s in shares]
        costs.append(Cost(f"s{index}", 100, (*ways, Way(kept, 400, 500, 0.0, rebuilds=False))))
    return costs


@pytest.mark.parametrize("levels", [0, 6])
@pytest.mark.parametrize(("share", "gap"), [(0.02, 1.01), (0.2, 1.01), (0.5, 1.01), (0.9, 1.05)])
def test_long_chains_come_near_the_bound(share: float, gap: float, levels: int) -> None:
    costs = long(300 if levels == 0 else 100, levels)
    whole = choose(costs, 200, 1 << 40)
    assert whole.time == 0
    found = choose(costs, 200, int(whole.peak * share), bins=256)
    assert found.bound <= found.time <= gap * found.bound
    assert found.peak <= whole.peak * share
