"""Which files are meant, where texts come from, and where output goes, as processes see it."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from revc.cli.files import expanded
from revc.cli.streams import in_colour
from tests.passes.specs import FOLDER

MAIN = [sys.executable, "-c", "from revc.cli import main; main()"]
WRONG = "dim B\nmodel M(a: [B]) { a += q }  # \N{GREEK SMALL LETTER THETA}\n"
FOUND = "2:24: deny[S002] no register `q`"


def run(*args: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
    settings = {"capture_output": True, "text": True, "timeout": 60, "check": False} | how
    return subprocess.run([*MAIN, *map(str, args)], **settings)  # type: ignore[call-overload, no-any-return]


def specs(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(WRONG, encoding="utf-8")


def test_folders_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs(tmp_path, "b.rev", "a.rev", "in/c.rev", "in/deep/d.rev", ".git/e.rev", "in/f.txt")
    monkeypatch.chdir(tmp_path)
    every = ["a.rev", "b.rev", "in/c.rev", "in/deep/d.rev"]
    assert expanded(["."]) == every
    assert expanded(["in", "a.rev", "in"]) == ["in/c.rev", "in/deep/d.rev", "a.rev"]
    assert expanded(["*.rev"]) == ["a.rev", "b.rev"]
    assert expanded(["**/*.rev"]) == every
    assert expanded(["in/f.txt", "-", "gone.rev", "x*.rev"]) == [
        "in/f.txt", "-", "gone.rev", "x*.rev"
    ]  # fmt: skip


def test_a_path_that_looks_like_a_text_or_a_pattern_is_a_path(tmp_path: Path) -> None:
    specs(tmp_path, "a{b}.rev", "[c].rev", "new\nline.rev")
    for name in ("a{b}.rev", "[c].rev", "new\nline.rev"):
        path = tmp_path / name
        done = run("lint", path, "--output-format", "concise")
        assert (done.returncode, done.stdout) == (1, f"{path}:{FOUND}\n")
    inverted = run("invert", tmp_path / "a{b}.rev")
    assert (inverted.returncode, "deny[S002]" in inverted.stdout) == (1, True)


def test_standard_input(tmp_path: Path) -> None:
    done = run("lint", "-", input=WRONG)
    assert (done.returncode, done.stdout[:73]) == (
        1, "deny[S002] unknown-name: no register `q`\n  --> <stdin>:2:24\n   |\n 2 | model"[:73]
    )  # fmt: skip
    assert run("lint", "-", input="").stdout.startswith("deny[S001] syntax: the file is empty")
    assert run("fmt", "-", input="dim  B\n").stdout == "dim B\n"
    specs(tmp_path, "part.rev")
    (tmp_path / "part.rev").write_text("dim B\nblock K(a: [B]) { negate a }\n")
    user = "use part: K\ndim B\nmodel M(a: [B]) { K(a) }\n"
    assert run("lint", "-", input=user, cwd=tmp_path).returncode == 0


def test_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.rev"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=(WRONG, "utf-8"), daemon=True)
    writer.start()
    done = run("lint", fifo, "--output-format", "concise")
    writer.join(timeout=10)
    assert (done.returncode, done.stdout) == (1, f"{fifo}:{FOUND}\n")


def test_a_dim_that_one_file_lacks(tmp_path: Path) -> None:
    specs(tmp_path, "wrong.rev")
    lacks = tmp_path / "wrong.rev"
    done = run("lint", "-D", "d=64", lacks, FOLDER / "lm.rev")
    assert done.returncode == 1
    assert done.stderr == f"error: {lacks}: no dim `d`\n"
    assert done.stdout.endswith("lm.rev: no findings; Layer PROVED, LM PROVED\n")


def test_an_encoding_that_lacks_letters(tmp_path: Path) -> None:
    specs(tmp_path, "wrong.rev")
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = run("lint", tmp_path / "wrong.rev", env=ascii_only)
    assert (done.returncode, done.stderr) == (1, "")
    assert "# \\u03b8" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("args", [["lint"], ["lint", "--proof"], ["fmt", "--diff"], ["invert"]])
def test_a_full_disk(tmp_path: Path, args: list[str]) -> None:
    specs(tmp_path, "wrong.rev")
    with open("/dev/full", "w") as full:
        done = run(*args, tmp_path / "wrong.rev", stdout=full, stderr=-1, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == "error: cannot write standard output: No space left on device\n"


def test_a_reader_that_left(tmp_path: Path) -> None:
    specs(tmp_path, *(f"{number}.rev" for number in range(40)))
    reads, writes = os.pipe()
    os.close(reads)
    done = run("lint", tmp_path, stdout=writes, stderr=-1, capture_output=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert in_colour(Terminal())
    assert not in_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "")
    assert in_colour(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not in_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not in_colour(Terminal())


@pytest.mark.parametrize("command", [[], ["lint"], ["fmt"], ["explain"]])
def test_short_help(command: list[str]) -> None:
    short, long = run(*command, "-h"), run(*command, "--help")
    assert (short.returncode, short.stdout) == (0, long.stdout)
