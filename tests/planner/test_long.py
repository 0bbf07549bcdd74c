"""Chains that are too long for brute force: near the bound, monotone, and the best in time."""

import itertools

import pytest

from benchmarks.long_chains import long_chain
from revc.passes.schedule.arcs import Arcs
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.feasible import least_budget
from revc.passes.schedule.milp import milp_plan
from revc.passes.schedule.plan import save_all
from revc.passes.schedule.simulate import simulate
from revc.passes.schedule.solve import solve

SHARES = (0.1, 0.25, 0.5, 0.9)


@pytest.mark.parametrize("skips", [0, 20])
def test_plans_are_near_the_bound_and_cheaper_with_more_memory(skips: int) -> None:
    chain = long_chain(120, 1, skips=skips)
    full = simulate(chain, save_all(chain)).peak
    found = [solve(chain, int(share * full)) for share in SHARES]
    for one in found:
        assert one.trace.peak <= one.memory
        assert one.bound <= one.extra_time <= 1.02 * one.bound
    for less, more in itertools.pairwise(found):
        assert more.bound <= 1.001 * less.bound
        assert more.extra_time <= less.extra_time


@pytest.mark.parametrize("skips", [0, 4])
def test_labels_and_integer_program_agree(skips: int) -> None:
    chain = long_chain(24, 2, skips=skips)
    full = simulate(chain, save_all(chain)).peak
    for share in (0.4,):
        one = solve(chain, int(share * full))
        plan = milp_plan(chain, int(share * full))
        assert one.bound_by == "optimum"
        assert plan is not None
        assert simulate(chain, plan).extra_time == pytest.approx(one.extra_time, rel=1e-5)


def test_the_least_budget_of_a_long_chain_is_met() -> None:
    chain = long_chain(120, 3)
    least = least_budget(Arcs(chain))
    assert solve(chain, least).trace.peak == least
    with pytest.raises(InfeasibleError, match=f"the least budget is {least},"):
        solve(chain, least - 1)


def test_a_time_limit_ends_the_search_with_the_best_so_far() -> None:
    chain = long_chain(300, 4)
    memory = simulate(chain, save_all(chain)).peak // 4
    early = solve(chain, memory, limit=0.0)
    assert not early.in_time
    assert early.trace.peak <= memory
    assert early.bound <= early.extra_time
    assert solve(chain, memory).extra_time < early.extra_time


def test_progress_is_told() -> None:
    chain = long_chain(200, 5)
    told: list[tuple[str, float, float | None]] = []
    solve(chain, simulate(chain, save_all(chain)).peak // 3, progress=lambda *x: told.append(x))
    stages = [stage for stage, *_ in told]
    assert stages[0] == "labels"
    assert {"labels", "exact"} <= set(stages)
    assert all(0 < share <= 1 for _, share, _ in told)


def test_without_scipy_there_is_still_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = long_chain(300, 1)
    memory = simulate(chain, save_all(chain)).peak // 10
    monkeypatch.setattr("revc.passes.schedule.solve.WORK", 0)
    monkeypatch.setattr("revc.passes.schedule.solve.find_spec", lambda name: None)
    found = solve(chain, memory)
    assert found.bound_by == "price"
    assert 0 < found.bound <= found.extra_time
