"""What costs say of segments, put together, beside a step without numbers of the same choice."""

import random

import pytest

from revc.planning.costs import REBUILD, costs_of
from revc.planning.link import Link
from revc.planning.plan import plan
from revc.planning.step import Steps
from tests.planner.test_models import made
from tests.planner.test_segments import taken


@pytest.mark.parametrize("link", [None, Link(1e14, 1e6)])
@pytest.mark.parametrize("name", ["layers", "stages", "float state", "brought"])
def test_no_choice_holds_more_than_its_costs_say_and_hardly_less(
    name: str, link: Link | None
) -> None:
    costs = costs_of(Steps(*made(name)), link)
    rng = random.Random(0)
    for _ in range(12):
        ways = [rng.randrange(len(cost.ways)) for cost in costs.segments]
        peak, _ = taken(costs.segments, costs.loss, ways)
        schedule = costs.schedule(ways)
        held = costs.steps(schedule).peak
        assert held <= peak <= 1.03 * held, [str(action) for action in schedule]


def test_plans_are_the_best_by_their_bounds() -> None:
    """Where the way back begins, all that a segment keeps is there beside what checks the state."""
    model, values = made("layers")
    least, most = (Steps(model, values)(way).peak for way in ("invert", "save"))
    known = None
    for share in range(1, 10):
        memory = least + (most - least) * share // 10
        known = plan(model, inputs=values, memory=memory, measure=False, known=known)
        assert known.peak <= memory
        assert known.bound <= known.flops <= known.bound + REBUILD * len(known.schedule)
