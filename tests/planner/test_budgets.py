"""Budgets of memory: in a spec, of what is free, and which of several holds."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

import revc
from revc.cli.app import app
from revc.errors import BindError, ScheduleError
from revc.grammar.diagnostics import SpecError
from revc.grammar.format import format_source
from revc.passes.lint import lint
from revc.passes.spec import build
from revc.planning import plan as plan_module
from revc.planning import report
from revc.planning.free_memory import MARGIN, free_for, free_on
from revc.planning.least import least_of, zeros_for
from revc.planning.step import Moment, Step, Steps

HEAD = """use std.nets: mlp

dim B, c = 8
state lattice(Q12.20)

model Net(a, b: [B, c]) {
  repeat 4 {
    a += mlp(b, width = 32)
    swap a, b
  }
}
"""
CPU = torch.device("cpu")


def spec(*bounds: str) -> str:
    return HEAD + "".join(f"\nbudget memory <= {bound}\n" for bound in bounds)


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, args)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.rev"
    path.write_text(spec("64 KiB"))
    return path


# --- in a spec ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "size"),
    [("512 MiB", 2**29), ("1.5 GB", 1_500_000_000), ("2*c KiB", 2**14), ("9 B", 9)],
)
def test_a_budget_is_bytes(bound: str, size: int) -> None:
    assert format_source(spec(bound)) == spec(bound)
    program = build(spec(bound))
    assert program.memory is not None
    assert program.memory.size == size


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (("3 MiB", "4 MiB"), "a budget has one bound on memory a file: line 13 says it"),
        (
            ("3 bytes",),
            "a budget of memory is in B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, not `bytes`",
        ),
        (("B KiB",), "a budget of memory is a number from 0 to 256 TiB, and its dims are bound"),
        (("1000 TiB",), "a budget of memory is a number from 0 to 256 TiB, and its dims are bound"),
    ],
)
def test_what_is_no_budget_is_found(bounds: tuple[str, ...], message: str) -> None:
    (found,) = lint(spec(*bounds)).findings
    assert (found.code, found.message) == ("S003", message)
    with pytest.raises(SpecError):
        build(spec(*bounds))


def test_a_budget_changes_no_program() -> None:
    one, other = (revc.compile(text, dims={"B": 2}) for text in (HEAD, spec("1 MiB")))
    assert one.interface.program_hash == other.interface.program_hash


def test_lint_names_the_least_budget_where_sizes_are_bound() -> None:
    text, least = spec("1 KiB"), least_of(None)
    assert lint(text, least=least).findings == ()  # B is free
    assert lint(text, dims={"B": 4}).findings == ()  # nothing counts the step
    (found,) = lint(text, dims={"B": 4}, least=least).findings
    model = revc.compile(HEAD, dims={"B": 4})
    with pytest.raises(ScheduleError) as refusal:
        revc.plan(model, inputs=zeros_for(model), memory=1024, measure=False)
    wanted = refusal.value.least  # type: ignore[attr-defined]
    assert (found.code, found.span.line) == ("M508", 13)
    assert "segment repeat_0, turn" in found.message
    assert lint(spec(f"{wanted} B"), dims={"B": 4}, least=least).findings == ()
    assert lint(spec(f"{wanted - 1} B"), dims={"B": 4}, least=least).denied


def test_lint_counts_no_step_of_what_is_refused_or_exchanges_bits() -> None:
    bits = spec("1 B").replace("repeat 4 {", "repeat 4 { put b by uniform(4) as m\n")
    for text in (spec("1 B").replace("width", "wide"), bits):
        found = lint(text, dims={"B": 4}, least=least_of(None)).findings
        assert "M508" not in {one.code for one in found}


def test_lint_at_the_command_line(file: Path) -> None:
    file.write_text(spec("1 KiB"))
    assert run("lint", file, "-D", "B=4").exit_code == 0
    probed = run("lint", file, "-D", "B=4", "--probe")
    assert probed.exit_code == 1
    assert "M508" in probed.stdout


# --- which budget holds -------------------------------------------------------------------------


def test_the_specs_own_is_taken_where_none_is_said(file: Path) -> None:
    planned = run("plan", file, "-D", "B=4", "--format", "json")
    assert json.loads(planned.stdout)["memory"] == 2**16
    model = revc.compile(file, dims={"B": 4})
    assert revc.plan(model, inputs=zeros_for(model)).memory == 2**16
    assert "schedule save x 4" in run("compile", file, "-D", "B=4", "--emit", "ir").stdout
    free = run("compile", file, "--emit", "ir")
    assert free.exit_code == 0
    assert "note: Net: nothing is planned for `budget memory`, as sizes are free" in free.stderr
    own = run("compile", file, "-D", "B=4", "--emit", "ir", "--schedule", "invert")
    assert "schedule" not in own.stdout
    bare = revc.compile(HEAD, dims={"B": 4})
    with pytest.raises(ScheduleError, match="no budget: say one"):
        revc.plan(bare, inputs=zeros_for(bare))


def test_a_budget_imports_nothing_that_may_not_be(file: Path) -> None:
    net = 'net F(x: [B, c]) -> [B, c] = torch "torch.nn:Linear"(8, 8)'
    text = spec("1 MiB").replace("\nmodel", f"\n{net}\n\nmodel")
    file.write_text(text.replace("mlp(b, width = 32)", "F(b)"))
    args = ("compile", file, "-D", "B=4", "--emit", "ir")
    assert isinstance(run(*args, "--no-import").exception, BindError)
    assert run(*args, "--allow-import", "torch.nn").exit_code == 0


def test_less_may_be_asked_and_not_more(file: Path) -> None:
    model = revc.compile(file, dims={"B": 4})
    assert revc.plan(model, inputs=zeros_for(model), memory="32KiB").memory == 2**15
    with pytest.raises(ScheduleError, match=r"128 KiB is above the budget .*, 64 KiB on line 13"):
        revc.plan(model, inputs=zeros_for(model), memory="128KiB")
    assert revc.plan(model, inputs=zeros_for(model), memory="auto").memory == 2**16


def test_a_page_of_plans(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    args = ("plan", file, "-D", "B=4", "--format", "html", "-o", page)
    assert run(*args, "--measure", "--memory", "32KiB", "--memory", "10").exit_code == 1
    text = page.read_text()
    assert text.count("<figure>") == 1
    for name in ("predicted", "measured", "budget"):
        assert text.count(f"<title>{name}</title>") == 1
    assert "the least is" in text
    assert text.count("<td>segment repeat_0, turn") == 4
    assert run("plan", file, "-D", "B=4", "--measure").exit_code == 2
    assert run("plan", file, "-D", "B=4", "--device", "tape").exit_code == 2
    assert run("plan", "--chain", file, "--memory", "auto").exit_code == 2


def test_a_limit_ends_the_search_with_the_best_plan_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    model = revc.compile(HEAD, dims={"B": 512})
    told: list[tuple[str, float, float | None]] = []
    tell = lambda *what: told.append(what)  # noqa: E731
    values, peaks = zeros_for(model), []
    whole = revc.plan(model, inputs=values, memory="400KiB", measure=False, progress=tell)
    assert whole.in_time
    assert [stage for stage, _, _ in told][:3] == [
        "counting what actions cost", "measuring what kernels hold", "choosing",
    ]  # fmt: skip
    assert [share for _, share, _ in told] == sorted(share for _, share, _ in told)
    # Whoever has time takes another look where much of the budget is left.
    monkeypatch.setattr(plan_module, "_again", lambda *what: peaks.append(what) is None)
    monkeypatch.setattr(Steps, "__call__", lambda *what: Step({(0, True): Moment(0, 9)}))
    how: Any = {"inputs": values, "memory": "400KiB", "measure": False, "known": whole}
    soon = revc.plan(model, limit=0, **how)
    assert (soon.in_time, len(peaks)) == (False, 1)
    assert "the time limit ended the search" in report.summary(soon)
    assert revc.plan(model, **how).in_time


# --- what is free -------------------------------------------------------------------------------


def test_what_is_free_is_less_a_margin_and_gradients_to_come(tmp_path: Path) -> None:
    model = revc.compile(HEAD)
    first = free_for(model)
    assert 0 < first < free_on(CPU)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    size = sum(parameter.nbytes for parameter in model.parameters())
    assert size > 0
    root = system(tmp_path, available=1000)
    assert free_on(CPU, root) == 1000 * 1024
    assert MARGIN > 1


def system(root: Path, available: int, **files: str) -> Path:
    """Make a folder as Linux would show it; names have `__` for slashes and `_` for dots."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable: {available} kB\n")
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_control_groups_bound_what_is_free(tmp_path: Path) -> None:
    root = system(tmp_path, 1 << 20, proc__self__cgroup="0::/a/b\n")
    base = root / "sys/fs/cgroup"
    for folder, limit, used in (("a", "4096000", "1096000"), ("a/b", "max", "96000")):
        (base / folder).mkdir(parents=True)
        (base / folder / "memory.max").write_text(f"{limit}\n")
        (base / folder / "memory.current").write_text(f"{used}\n")
    (base / "a/memory.stat").write_text("anon 5\ninactive_file 1000\n")
    assert free_on(CPU, root) == 4096000 - 1096000 + 1000
    old = base / "memory/c"
    old.mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("3:cpu,memory:/c\n1:name=systemd:/\n")
    (old / "memory.limit_in_bytes").write_text("5000\n")
    (old / "memory.usage_in_bytes").write_text("6000\n")
    assert free_on(CPU, root) == 0


def test_a_system_that_says_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match="say the budget in bytes"):
        free_on(CPU, tmp_path)
    with pytest.raises(ScheduleError, match="on meta is not known"):
        free_on(torch.device("meta"))
