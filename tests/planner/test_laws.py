"""Random chains against brute force; `tests.planner.run` takes thousands of longer ones."""

import pytest

from tests.planner.instances import chain
from tests.planner.laws import check


@pytest.mark.parametrize("seed", range(30))
def test_the_laws_hold(seed: int) -> None:
    check(chain(seed, most=6))


@pytest.mark.parametrize("seed", range(30, 50))
def test_the_laws_hold_with_skips(seed: int) -> None:
    check(chain(seed, most=6, skips=True))


@pytest.mark.parametrize("seed", range(1000, 1150))
def test_short_chains_are_planned_best(seed: int) -> None:
    check(chain(seed, most=5, skips=seed % 2 == 0), "optimal", "refused")
