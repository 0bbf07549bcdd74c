"""The commands that need no torch, run in this process."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from revc.cli.app import app
from revc.passes.lint import lint
from revc.passes.spec import build
from tests.conftest import Golden
from tests.passes.specs import BIJECTIVE, FOLDER

BAD = """use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
\ta += mpl(b, width = 4*c)
  valve a by logistic(b[.., :c] + mlp(b, width = 8)) as va
  b += tanh(b)  # wrong
}
"""


def revc(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.rev").write_text(BAD)
    return "bad.rev"


@pytest.mark.parametrize("style", ["full", "concise", "json"])
def test_output_formats(bad: str, style: str, golden: Golden) -> None:
    result = revc("lint", bad, "--output-format", style)
    assert result.exit_code == 1
    golden(f"cli/bad.{style}", result.stdout)


def test_json_is_an_array_of_objects(bad: str) -> None:
    found = json.loads(revc("lint", bad, "--output-format", "json").stdout)
    keys = ["code", "name", "level", "message", "file", "line", "column", "end_line", "end_column"]
    assert [list(entry) for entry in found] == [keys] * len(found)
    first = found[0]
    assert (first["code"], first["file"], first["line"], first["column"]) == ("S002", bad, 5, 7)
    assert (first["end_line"], first["end_column"]) == (5, 10)


def test_json_of_a_clean_spec_is_an_empty_array() -> None:
    result = revc("lint", FOLDER / "lm.rev", "--output-format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_exit_codes(bad: str) -> None:
    assert revc("lint", FOLDER / "lm.rev").exit_code == 0
    assert revc("lint", FOLDER / "digits.rev").exit_code == 0  # warnings alone
    assert revc("lint", FOLDER / "digits.rev", "--deny", "warnings").exit_code == 1
    assert revc("lint", bad).exit_code == 1
    assert revc("lint").exit_code == 2
    assert revc("lint", bad, "--select", "X").exit_code == 2
    assert revc("lint", bad, "-D", "c").exit_code == 2
    assert revc("nonsense").exit_code == 2


def test_selection(bad: str) -> None:
    def concise(*options: str) -> list[str]:
        lines = revc("lint", bad, "--output-format", "concise", *options).stdout.splitlines()
        return [line.split()[1] for line in lines]

    assert concise() == ["S002", "M501", "S004", "B201"]
    assert concise("--select", "S") == ["S002", "S004"]
    assert concise("--select", "S002,B") == ["S002", "B201"]
    assert concise("--ignore", "S,M") == ["B201"]


def test_several_files_and_their_verdicts() -> None:
    result = revc("lint", FOLDER / "midpoint.rev", FOLDER / "leapfrog.rev")
    assert [line.rpartition("; ")[2] for line in result.stdout.splitlines()] == [
        "Midpoint PROVED",
        "Leapfrog PROVED",
    ]


def test_proof_goes_to_stderr_beside_json() -> None:
    result = revc("lint", FOLDER / "lm.rev", "--proof", "--output-format", "json")
    assert json.loads(result.stdout) == []
    assert result.stderr.startswith("PROVED   Layer: every statement has an inverse")
    assert "PROVED   Layer" in revc("lint", FOLDER / "lm.rev", "--proof").stdout


def test_dims_are_bound_by_options() -> None:
    spec = FOLDER / "lm.rev"
    assert "does not divide" in revc("lint", spec, "-D", "d=33").stdout
    assert revc("lint", spec, "-D", "d=64").exit_code == 0


@pytest.mark.parametrize("path", BIJECTIVE, ids=lambda path: path.stem)
def test_invert(path: Path, golden: Golden) -> None:
    result = revc("invert", path)
    assert result.exit_code == 0
    golden(f"invert/{path.stem}.rev", result.stdout)


def test_invert_one_model(tmp_path: Path) -> None:
    spec = tmp_path / "two.rev"
    spec.write_text("dim B\nmodel M(a: [B]) { a += 1 }\nmodel N(a: [B]) { a += 2 }\n")
    text = revc("invert", spec, "--model", "N").stdout
    assert "a += 1" in text
    assert "a -= 2" in text
    assert isinstance(revc("invert", spec, "--model", "K").exception, Exception)


def test_explain() -> None:
    page = revc("explain", "b203").stdout
    assert page.startswith("B203 simultaneous-update (deny)\n")
    assert page.count("\nWhy\n") == page.count("\nBad\n") == page.count("\nGood\n") == 1
    listed = revc("explain").stdout.splitlines()
    assert listed[0] == "S001  deny  syntax"
    unknown = revc("explain", "B299")
    assert unknown.exit_code == 2
    assert "no rule B299; `revc explain` lists them" in unknown.stderr


def test_new_writes_a_spec_that_compiles_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "my-net.rev"
    assert revc("new", path).exit_code == 0
    text = path.read_text()
    assert "model MyNet(" in text
    assert lint(path).findings == ()
    assert len(build(path).model.nets) == 24
    assert revc("fmt", "--check", path).exit_code == 0
    path.write_text("mine")
    again = revc("new", path)
    assert (again.exit_code, path.read_text()) == (1, "mine")
    assert "exists" in again.stderr


def test_new_refuses_what_makes_no_name(tmp_path: Path) -> None:
    assert revc("new", tmp_path / "3 nets.rev").exit_code == 2
    assert revc("new", tmp_path / "nowhere" / "net.rev").exit_code == 1


def test_fmt_formats_and_checks(tmp_path: Path) -> None:
    path = tmp_path / "spec.rev"
    path.write_text("dim B\nmodel M( a:[B] ){  a+=1   # one\n}\n")
    checked = revc("fmt", "--check", path)
    assert checked.exit_code == 1
    assert "would change" in checked.stdout
    assert revc("fmt", path).exit_code == 0
    assert "a += 1  # one" in path.read_text()
    assert revc("fmt", "--check", path).exit_code == 0


def test_help_lists_the_commands_that_there_are() -> None:
    lines = revc("--help").stdout
    for command in ("lint", "fmt", "explain", "invert", "new"):
        assert f"\n  {command}" in lines
