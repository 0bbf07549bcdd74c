"""The planner's benchmark, on chains that take no time."""

import pytest

from benchmarks import schedule
from benchmarks.long_chains import long_chain


def test_a_long_chain_has_a_gap_and_a_time_at_each_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "SHARES", (0.5, 0.9))
    rows = list(schedule.long_rows("blocks", long_chain(40, 0), 1, 60.0))
    assert [row.name for row in rows[:2]] == ["blocks, 50 %, gap", "blocks, 50 %, time"]
    assert len(rows) == 4
    assert all(row.met for row in rows)


def test_short_chains_are_counted() -> None:
    chains, budgets, wrong = schedule.short_rows("brute force", 3, skips=True)
    assert chains.value == 3
    assert budgets.value is not None
    assert budgets.value >= 3
    assert wrong.value == 0
