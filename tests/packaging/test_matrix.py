"""What `make matrix` says: of each pair either what ran in it, or why nothing did."""

import sys
from pathlib import Path

import pytest

from tests import matrix

RAN = matrix.Row("3.12.1", "2.11.0", "3.6.0", "2.5.0", "9 passed in 1.00s", True)
NOT = matrix.absent("3.13", "2.11", "no python3.13 that runs")


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir()
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_an_interpreter_is_the_first_on_the_path_that_runs(tmp_path, monkeypatch):
    program(tmp_path / "shim", "python3.77", "exit 127")
    program(tmp_path / "real", "python3.77", "echo 3.77.1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'shim'}:{tmp_path / 'real'}")
    assert matrix.interpreter("3.77") == (str(tmp_path / "real" / "python3.77"), "3.77.1")
    assert matrix.interpreter("3.78") is None


def test_an_interpreter_may_be_a_path():
    version = ".".join(map(str, sys.version_info[:3]))
    assert matrix.interpreter(sys.executable) == (sys.executable, version)
    assert matrix.interpreter(f"{sys.executable}-none") is None


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix, "HOME", tmp_path)
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def test_a_pair_without_interpreter_or_torch_is_said_to_be_absent(home, monkeypatch):
    assert matrix.measured("3.99", "2.11", ()) == matrix.absent(
        "3.99", "2.11", "no python3.99 that runs"
    )
    monkeypatch.setattr(matrix, "logged", lambda log, command: "pip" not in command)
    row = matrix.measured(sys.executable, "2.11", ())
    assert row.passed is None
    assert "pip could not install" in row.result


@pytest.mark.parametrize("passes", [True, False])
def test_a_pair_that_ran_shows_the_last_line_of_its_run(home, monkeypatch, passes):
    def logged(log: Path, command: list[str]) -> bool:
        if "venv" in command:
            Path(command[-1]).mkdir()
        with log.open("a") as file:
            print("= 9 passed in 1.00s =" if "pytest" in command else "made", file=file)
        return passes or "pytest" not in command

    monkeypatch.setattr(matrix, "logged", logged)
    row = matrix.measured(sys.executable, "2.11", ("tests/run",))
    assert (row.result, row.passed) == ("9 passed in 1.00s", passes)


def test_the_table_has_a_line_for_each_pair():
    lines = matrix.table([RAN, NOT]).splitlines()
    assert len(lines) == 3
    assert lines[1].split() == [*RAN[:4], "9", "passed", "in", "1.00s"]
    assert lines[2].endswith("not available: no python3.13 that runs")


def test_only_what_ran_and_failed_is_a_failure_or_that_nothing_ran():
    assert matrix.status([RAN, NOT]) == 0
    assert matrix.status([RAN, RAN._replace(passed=False)]) == 1
    assert matrix.status([NOT]) == 1
