"""The commands that need no torch, run in this process."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from revc.cli.app import app
from revc.passes.lint import lint
from revc.passes.rules.registry import rule
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


def in_json(*args: str | Path) -> dict[str, list[dict[str, object]]]:
    found = json.loads(revc("lint", *args, "--output-format", "json").stdout)
    assert list(found) == ["findings", "verdicts"]
    return found  # type: ignore[no-any-return]


def test_json_holds_all_of_each_finding(bad: str) -> None:
    found = in_json(bad)["findings"]
    place = ["file", "line", "column", "end_line", "end_column"]
    keys = ["code", "name", "level", "message", "notes", "help", "witness", "fix", *place]
    assert [list(entry) for entry in found] == [keys] * len(found)
    first = found[0]
    assert (first["code"], first["file"], first["line"], first["column"]) == ("S002", bad, 5, 7)
    assert (first["end_line"], first["end_column"]) == (5, 10)


def test_json_has_verdicts_and_proofs_if_asked() -> None:
    found = in_json(FOLDER / "lm.rev")
    assert found["findings"] == []
    assert [(one["subject"], one["verdict"]) for one in found["verdicts"]] == [
        ("Layer", "PROVED"),
        ("LM", "PROVED"),
    ]
    assert all("steps" not in one for one in found["verdicts"])
    layer = in_json(FOLDER / "lm.rev", "--proof")["verdicts"][0]
    assert [(one["subject"], one["steps"]) for one in layer["steps"]][:1] == [("add a", [])]  # type: ignore[attr-defined]


def test_json_has_witnesses(tmp_path: Path) -> None:
    for code in ("B203", "B204", "Q301"):
        spec = tmp_path / f"{code}.rev"
        spec.write_text(rule(code).page.bad)
        (found,) = in_json(spec)["findings"]
        assert found["code"] == code
        assert "both" in str(found["witness"])


def test_exit_codes(bad: str) -> None:
    assert revc("lint", FOLDER / "lm.rev").exit_code == 0
    assert revc("lint", FOLDER / "digits.rev").exit_code == 0  # warnings alone
    assert revc("lint", FOLDER / "digits.rev", "--deny", "warnings").exit_code == 1
    assert revc("lint", bad).exit_code == 1
    assert revc("lint").exit_code == 2
    for option in ("--select", "--ignore", "--deny"):
        for wrong in ("X", "Q9", "S0011", "s001", "warning", ""):
            done = revc("lint", bad, option, wrong)
            assert (done.exit_code, f"no rule {wrong!r}" in done.stderr) == (2, True)
    assert revc("lint", bad, "--select", "unknown").exit_code == 2
    assert revc("lint", bad, "-D", "c").exit_code == 2
    assert revc("nonsense").exit_code == 2


def test_selection(bad: str) -> None:
    def concise(*options: str) -> list[str]:
        lines = revc("lint", bad, "--output-format", "concise", *options).stdout.splitlines()
        return [line.partition("[")[2].partition("]")[0] for line in lines]

    assert concise() == ["S002", "M501", "S004", "B201"]
    assert concise("--select", "S") == ["S002", "S004"]
    assert concise("--select", "S002,B") == ["S002", "B201"]
    assert concise("--ignore", "S,M") == ["B201"]
    assert concise("--select", "warnings") == ["M501"]
    assert concise("--ignore", "warnings,B") == ["S002", "S004"]
    assert concise("--select", "denied", "--ignore", "S00") == ["B201"]


def test_levels_are_raised_by_code_beginning_and_level(bad: str) -> None:
    for chosen in ("M501", "M5", "M", "warnings"):
        out = revc("lint", bad, "--output-format", "concise", "--deny", chosen).stdout
        assert "bad.rev:6:3: deny[M501] `va` has no budget" in out


@pytest.mark.parametrize("options", [("--ignore", "S001"), ("--ignore", "S"), ("--select", "M")])
def test_what_does_not_parse_never_passes(tmp_path: Path, options: tuple[str, str]) -> None:
    spec = tmp_path / "spec.rev"
    spec.write_text("dim B\nmodel M(a: [B]) { a += }\n")
    result = revc("lint", spec, *options)
    assert (result.exit_code, "deny[S001]" in result.stdout) == (1, True)


def test_several_files_and_their_verdicts() -> None:
    result = revc("lint", FOLDER / "midpoint.rev", FOLDER / "leapfrog.rev")
    assert [line.rpartition("; ")[2] for line in result.stdout.splitlines()] == [
        "Midpoint PROVED",
        "Leapfrog PROVED",
    ]


def test_proof_is_printed() -> None:
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
    unknown = revc("explain", "Z999")
    assert unknown.exit_code == 2
    assert "no rule Z999; `revc explain` lists them" in unknown.stderr


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


def test_fmt_shows_a_diff_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spec.rev"
    text = "dim B\nmodel M( a:[B] ){  a+=1   # one\n}"
    path.write_text(text)
    shown = revc("fmt", "--diff", path)
    assert (shown.exit_code, path.read_text()) == (1, text)
    assert shown.stdout == (
        f"--- {path}\n+++ {path}\n@@ -1,3 +1,5 @@\n dim B\n"
        "-model M( a:[B] ){  a+=1   # one\n-}\n\\ No newline at end of file\n"
        "+\n+model M(a: [B]) {\n+  a += 1  # one\n+}\n"
    )
    revc("fmt", path)
    again = revc("fmt", "--diff", path)
    assert (again.exit_code, again.stdout) == (0, "")


def test_help_lists_the_commands_that_there_are() -> None:
    lines = revc("--help").stdout
    for command in ("lint", "fmt", "explain", "invert", "new"):
        assert f"\n  {command}" in lines
