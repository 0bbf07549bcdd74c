"""`revc plan` on abstract chains: its three forms, its exit codes, and that it needs no torch."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from revc.cli.app import app
from revc.errors import ScheduleError
from revc.passes.schedule.units import parse_bytes, show_bytes
from tests.conftest import Golden

CHAINS = Path(__file__).parents[1] / "planner" / "chains"
MIXED = CHAINS / "mixed_6.json"


def plan(*args: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["plan", "--chain", *map(str, args)])


@pytest.mark.parametrize("style", ["table", "json"])
@pytest.mark.parametrize("name", ["mixed_6", "opaque_homogeneous_8"])
def test_plans_as_text(name: str, style: str, golden: Golden) -> None:
    file = CHAINS / f"{name}.json"
    budgets = json.loads(file.read_text().split("\n")[0])["budgets"]
    asked = [word for budget in budgets for word in ("--memory", budget)]
    result = plan(file, *asked, "--format", style)
    assert result.exit_code == 1
    golden(f"plan/{name}.{style}", result.stdout + result.stderr)


def test_one_budget_is_one_object() -> None:
    result = plan(MIXED, "--memory", 187, "--format", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["extra_time"], found["bound"]) == (0, 13.0, 13.0)
    assert found["peak"] <= 187
    assert len(found["plan"]) == 6


def test_the_page_draws_each_budget(tmp_path: Path) -> None:
    out = tmp_path / "plan.html"
    result = plan(MIXED, "--memory", 187, "--memory", 100, "--format", "html", "-o", out)
    assert result.exit_code == 1
    text = re.sub(r"<(meta[^>]*)>", r"<\1/>", out.read_text().removeprefix("<!doctype html>"))
    page = ElementTree.fromstring(text)
    (figure,) = page.iter("figure")
    assert [one.findtext("title") for one in figure.iter("polyline")] == ["predicted", "budget"]
    assert "the least budget is 114" in text


def test_exit_codes(tmp_path: Path) -> None:
    assert plan(MIXED, "--memory", "1KiB").exit_code == 0
    assert plan(MIXED, "--memory", 113).exit_code == 1
    assert plan(MIXED).exit_code == 2
    assert plan(MIXED, "--memory", "much").exit_code == 2
    assert plan(MIXED, "--memory", 200, "--format", "svg").exit_code == 2
    assert isinstance(plan(tmp_path / "none", "--memory", 1).exception, ScheduleError)


def test_it_needs_no_torch() -> None:
    code = (
        "import sys\nfrom revc.cli.app import app\n"
        f"try:\n    app(['plan', '--chain', {str(MIXED)!r}, '--memory', '187'])\n"
        "except SystemExit as end:\n    sys.exit(end.code or 'torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("4096", 4096), ("4096 B", 4096), ("1KiB", 1024), ("512MiB", 2**29),
        ("1.5GB", 1_500_000_000), ("0.3 kB", 300), ("2gib", 2**31),
    ],
)  # fmt: skip
def test_sizes_with_units(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1e3", "nan", "1 XB", "1.GB", "0x10", "١", "1" * 30])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match="is no size"):
        parse_bytes(text)


def test_more_than_any_machine_has_is_refused() -> None:
    with pytest.raises(ScheduleError, match="more memory than any machine has"):
        parse_bytes("99999999 TiB")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0"), (9999, "9999"), (10240, "10 KiB"), (3 * 2**29, "1.5 GiB")]
)
def test_sizes_are_shown_in_four_digits(size: int, text: str) -> None:
    assert show_bytes(size) == text


SPEC = """use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model Net(a, b: [B, c]) {
  repeat 4 { a += mlp(b, width = 32) }
}
"""


def test_a_model_is_planned(tmp_path: Path) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(SPEC)
    run = lambda *args: CliRunner().invoke(app, ["plan", str(spec), *args])  # noqa: E731
    table = run("--memory", "1GiB", "-D", "B=4")
    assert table.exit_code == 0
    assert "0.00 % more operations than saving everything (the least)" in table.stdout
    found = json.loads(run("--memory", "1GiB", "-D", "B=4", "--format", "json").stdout)
    assert found["schedule"] == ["save"] * 4
    assert found["peak"] <= found["memory"]
    least = run("--memory", "10", "-D", "B=4")
    assert least.exit_code == 1
    assert "no schedule holds at most 10 bytes: the least is" in least.stderr
    assert run("--memory", "1GiB").exit_code == 1, "B is free"
    assert run("--memory", "1GiB", "--chain", str(spec)).exit_code == 2


def test_a_package_is_written_with_its_plan(tmp_path: Path) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(SPEC)
    args = ["compile", str(spec), "-D", "B=4", "--memory", "1GiB", "--emit", "ir"]
    assert "schedule save x 4" in CliRunner().invoke(app, args).stdout
    twice = CliRunner().invoke(app, [*args, "--schedule", "save"])
    assert twice.exit_code == 2
