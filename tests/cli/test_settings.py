"""`[tool.revc]` in pyproject.toml: what it sets, what counts more, and what is wrong in it."""

import json
from pathlib import Path

import pytest

from revc.cli.checking import check
from revc.cli.files import expanded
from revc.cli.render import Format
from revc.cli.request import Request, quick, with_settings
from revc.cli.settings import Settings, SettingsError, found
from revc.passes.lint import Selection
from tests.cli.test_files import run

SPEC = """use std.nets: mlp
dim B, d
state lattice(Q12.20)
model M(a, b: [B, d]) {
  scale a by sigmoid(b) in [1/2, 1] as f
  b += mlp(a, width = 8)
}
"""


def project(folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "p"\n\n[tool.revc]\n{table}\n')


def codes(folder: Path, *args: str) -> list[str]:
    done = run("lint", ".", "--output-format", "json", *args, cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    return [one["code"] for one in json.loads(done.stdout)["findings"]]


def test_what_counts_is_set_and_an_option_counts_more(tmp_path: Path) -> None:
    (tmp_path / "spec.rev").write_text(SPEC)
    assert codes(tmp_path) == ["M501"]
    project(tmp_path, 'ignore = ["M5"]')
    assert codes(tmp_path) == []
    assert codes(tmp_path, "--ignore", "S") == ["M501"]
    project(tmp_path, 'deny = ["warnings"]')
    assert run("lint", "spec.rev", cwd=tmp_path).returncode == 1
    assert run("lint", "spec.rev", "--deny", "S", cwd=tmp_path).returncode == 0


def test_sizes_are_bound_where_a_spec_has_them(tmp_path: Path) -> None:
    (tmp_path / "spec.rev").write_text(SPEC.replace("sigmoid(b)", "sigmoid(b[.., :9])"))
    (tmp_path / "other.rev").write_text("dim B\nmodel M(a: [B]) { negate a }\n")
    assert codes(tmp_path) == ["S004", "M501"] or "S004" in codes(tmp_path)
    project(tmp_path, 'dims = {d = 4}\nselect = ["S"]')
    assert set(codes(tmp_path)) == {"S004"}
    refused = run("lint", ".", "-D", "d=4", cwd=tmp_path)
    assert "no dim `d`" in refused.stderr


def test_files_are_left_out_of_folders_alone(tmp_path: Path, monkeypatch) -> None:
    for name in ("a.rev", "old/b.rev", "old/deep/c.rev", "new/d.rev"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("dim B\n")
    monkeypatch.chdir(tmp_path)
    assert expanded(["."], ["old"]) == ["a.rev", "new/d.rev"]
    assert expanded(["**/*.rev"], ["d.rev", "old/deep"]) == ["a.rev", "old/b.rev"]
    assert expanded(["old/b.rev"], ["old"]) == ["old/b.rev"]
    project(tmp_path, 'exclude = ["old", "new/*"]')
    assert with_settings(Request((".",))).exclude == ("old", "new/*")
    assert check(with_settings(Request((".",)))) == 0


def test_the_nearest_file_with_a_table_counts(tmp_path: Path) -> None:
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    project(tmp_path, 'ignore = ["M501"]')
    (tmp_path / "one" / "pyproject.toml").write_text('[tool.ruff]\nselect = ["E"]\n')
    assert found(inner) == Settings(ignore=("M501",))
    project(tmp_path / "one", 'ignore = ["S"]')
    assert found(inner) == Settings(ignore=("S",))


WRONG = {
    'slect = ["S"]': "5: no setting `slect`; did you mean `select`?",
    'select = "S"': "5: `select` is a list of strings",
    'ignore = ["S"]\ndeny = ["Q99"]': "6: `deny` has no rule and no level 'Q99'",
    "dims = 3": "5: `dims` is a table of sizes, as dims = {d = 768}",
    "[tool.revc.dims]\nd = -1": "6: dim `d` is a whole number of at least 0",
    'dims = {d = "8"}': "5: dim `d` is a whole number of at least 0",
    "select = [": "Invalid value",
}


@pytest.mark.parametrize("table", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, table: str) -> None:
    project(tmp_path, table)
    with pytest.raises(SettingsError) as caught:
        found(tmp_path)
    assert WRONG[table] in str(caught.value)
    (tmp_path / "spec.rev").write_text(SPEC)
    for args in ((), ("--proof", "-D", "d=4")):
        done = run("lint", "spec.rev", *args, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: {tmp_path}/pyproject.toml:")
        assert WRONG[table] in done.stderr


# --- the short way -------------------------------------------------------------------------------

READ = {
    ("a.rev",): Request(("a.rev",)),
    ("a.rev", "-"): Request(("a.rev", "-")),
    ("--select", "S,L1", "a.rev", "--select=warnings"): Request(
        ("a.rev",), selection=Selection(select=("S", "L1", "warnings"))
    ),
    ("a.rev", "--output-format=json", "--proof"): Request(
        ("a.rev",), Format.json, proof=True
    ),
}  # fmt: skip
LEFT = [
    (), ("--proof",), ("a.rev", "--select"), ("a.rev", "--select", ""), ("a.rev", "--fix"),
    ("a.rev", "--deny", "Q99"), ("a.rev", "--output-format", "yaml"), ("a.rev", "--proof=1"),
    ("--help",), ("a.rev", "-D", "d=3"), ("a.rev", "--", "b.rev"), ("a.rev", "--select", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize("args", READ)
def test_what_is_read_without_typer(args: tuple[str, ...]) -> None:
    assert quick(args) == READ[args]
    assert READ[args] is not None


@pytest.mark.parametrize("args", LEFT)
def test_what_typer_has_to_read(args: tuple[str, ...]) -> None:
    assert quick(args) is None


def test_both_ways_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "spec.rev").write_text(SPEC)
    for args in (("--output-format", "concise"), ("--deny", "M5"), ("--ignore", "M", "--proof")):
        short = run("lint", "spec.rev", *args, cwd=tmp_path)
        long = run("lint", "spec.rev", *args, "--no-import", cwd=tmp_path)
        assert (short.returncode, short.stdout) == (long.returncode, long.stdout)
