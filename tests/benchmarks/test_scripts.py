"""The benchmark scripts: options, groups, budgets, and what they say where they cannot run."""

import json
import time
from pathlib import Path

import pytest
import torch

from benchmarks import gpu, groups, training
from benchmarks.gpu import Clock
from benchmarks.groups import Plan
from benchmarks.rows import Row
from benchmarks.worker import MeasurementError

TINY = Plan(depths=(1, 2), depth=1, rounds=1)


def test_an_unknown_group_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main(["--only", "memory,tune"])
    assert "no such group: tune" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["-", "rows.json"])
def test_json_goes_where_it_is_asked(
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(training.GROUPS, "front", lambda _: iter([Row("lint", 0.2, "s", 0.3)]))
    path = str(tmp_path / where) if where != "-" else where
    training.main(["--only", "front", "--json", path])
    printed = capsys.readouterr().out
    text = printed if where == "-" else (tmp_path / where).read_text()
    (row,) = json.loads(text)
    assert row == {"name": "lint", "value": 0.2, "unit": "s", "target": 0.3, "met": True}


def test_the_memory_group_tells_growth_with_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    def grows(function: object, arm: str, layers: int) -> int:
        if arm == "memcnn":
            raise MeasurementError("ModuleNotFoundError: No module named 'memcnn'")
        return 2**20 * (layers if arm == "revc float" else 3)

    monkeypatch.setattr(groups, "measure", grows)
    rows = {row.name: row for row in groups.memory(TINY)}
    assert rows["peak, plain, L=2"].value == 3
    assert rows["peak, memcnn, L=1"].note.startswith("ModuleNotFoundError")
    assert rows["peak's change with depth, revc float"].met is False
    assert rows["peak's change with depth, revc lattice"].met is True


def test_twice_autograds_own_error_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"error_of_autograd": 1e-6, "error_of_exact": 1.5e-6, "error_of_peer": 1.0}
    monkeypatch.setattr(groups, "measure", lambda function, **_: values[function.__name__])
    rows = {row.name: row for row in groups.gradients(TINY)}
    assert rows["gradient error, revc lattice"].target == 2e-6
    assert rows["gradient error, revc lattice"].met is True
    assert rows["gradient error, revtorch, weights x4"].target is None


def test_time_ratios_pair_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def times(function: object, arms: list[str], **_: int) -> dict[str, list[float]]:
        return {arm: [1.0, 2.0, 30.0] if arm == "plain" else [2.0, 4.0, 60.0] for arm in arms}

    monkeypatch.setattr(groups, "measure", times)
    rows = [row for row in groups.eager_time(TINY) if row.unit == "x plain"]
    assert {row.value for row in rows} == {2.0}


def test_a_spent_budget_leaves_a_check_out() -> None:
    clock = Clock(budget=5, start=time.perf_counter() - 5)
    row = clock.row("peak", "MiB", lambda: 1.0, target=3.0)
    assert row.value is None
    assert row.met is False
    assert "budget" in row.note


def test_a_figure_that_fails_or_takes_too_long_ends_no_other() -> None:
    def fails() -> float:
        raise ValueError("no such arm")

    clock = Clock(budget=60, limit=0.05)
    assert clock.row("peak", "MiB", fails).note == "ValueError: no such arm"
    assert "more than" in clock.row("peak", "MiB", lambda: time.sleep(5) or 1.0).note
    assert clock.row("peak", "MiB", lambda: 1.0).value == 1.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_without_cuda_the_gpu_script_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main([])
    assert capsys.readouterr().out.startswith("skipped: no CUDA")
