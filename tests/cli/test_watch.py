"""`revc lint --watch`, shell completions and commit hooks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from revc.cli.request import Request
from revc.cli.watch import stamps, watch
from tests.cli.test_files import run

GOOD = "dim B\nmodel M(a: [B]) { negate a }\n"
WRONG = GOOD.replace("negate", "negat")


def changed(path: Path, text: str) -> None:
    """Write a file, and make sure that its time is another."""
    path.write_text(text)
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000))


def test_a_change_lints_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, part = tmp_path / "spec.rev", tmp_path / "part.rev"
    block = "dim B\nblock Part(a: [B]) { negate a }\n"
    part.write_text(block)
    spec.write_text("use part: Part\ndim B\nmodel M(a: [B]) { Part(a) }\n")
    shown: list[str] = []
    edits = iter([
        lambda: None,
        lambda: changed(spec, WRONG),
        lambda: changed(spec, "use part: Part\ndim B\nmodel M(a: [B]) { Part(a) }\n"),
        lambda: changed(part, block.replace("negate a", "negate q")),
        lambda: (tmp_path / "new.rev").write_text(WRONG),
    ])  # fmt: skip

    def wait() -> bool:
        shown.append(capsys.readouterr().out)
        edit = next(edits, None)
        if edit is not None:
            edit()
        return edit is not None

    assert watch(Request((str(tmp_path),)), wait) == 1
    first, unchanged, wrong, mended, used, new = shown
    assert "no findings" in first
    assert unchanged == ""
    assert "S001" in wrong
    assert "no findings" in mended
    assert "part.rev:2" in used
    assert "new.rev" in new


def test_what_is_not_there_has_no_stamp(tmp_path: Path) -> None:
    spec = tmp_path / "spec.rev"
    request = Request((str(spec),))
    assert stamps(request, ["<stdin>"]) == {}
    spec.write_text(GOOD)
    assert list(stamps(request, [])) == [str(spec)]


def test_standard_input_is_not_watched() -> None:
    done = run("lint", "-", "--watch", input=GOOD)
    assert (done.returncode, "cannot be watched" in done.stderr) == (2, True)


OFFERED = {"revc li": "lint", "revc lint --sel": "--select", "revc pl": "plan"}


@pytest.mark.parametrize("words", OFFERED)
def test_shells_complete(words: str, tmp_path: Path) -> None:
    script = tmp_path / "revc"  # completions go by the name of the command
    script.write_text("from revc.cli import main\nmain()\n")
    count = str(words.count(" "))
    asked = {"_REVC_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert OFFERED[words] in done.stdout.split()
    assert (done.returncode, done.stderr) == (0, "")


def test_the_hooks_are_commands_that_there_are() -> None:
    from revc.cli.app import COMMANDS

    text = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text()
    entries = [line.split(":")[1].split() for line in text.split("\n") if "entry:" in line]
    assert entries
    assert all(entry[0] == "revc" and entry[1] in COMMANDS for entry in entries)
