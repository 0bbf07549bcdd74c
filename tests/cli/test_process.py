"""The command as a process: what it imports, and that bad input never gives a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.passes.specs import FOLDER

HEAVY = ("torch", "networkx", "rich", "lark", "numpy")
SLOW = ("typer", "email", "importlib.metadata")  # what the plain `revc lint FILE` does without


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from revc.cli import main; main()", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "args",
    [
        ["lint"],
        ["lint", "--output-format", "json"],
        ["lint", "--proof"],
        ["fmt", "--check"],
        ["invert"],
    ],
)
def test_nothing_heavy_is_imported(args: list[str]) -> None:
    modules = HEAVY + (SLOW if args == ["lint"] else ())
    code = (
        "import sys\nfrom revc.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {modules!r} if m in sys.modules], file=sys.stderr)"
    )
    command, *options = args
    argv = [sys.executable, "-c", code, command, str(FOLDER / "lm.rev"), *options]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_compiling_says_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    done = run("compile", FOLDER / "transformer.rev", "-o", tmp_path / "built")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("wrote ")
    assert done.stdout.count("\n") == 1


BAD = {
    "empty": b"",
    "blank": b" \n\n",
    "binary": bytes(range(256)) * 4,
    "not UTF-8": b"dim B\n# \xff\xfe\n",
    "10 MB": b"a" * 10_000_000,
    "deep brackets": b"dim B\nmodel M(a: [B]) { a += "
    + b"(" * 10_000
    + b"1"
    + b")" * 10_000
    + b" }",
    "deep loops": b"dim B\nmodel M(a: [B]) { " + b"repeat 2 { " * 10_000 + b"}" * 10_001,
    "deep undo": b"dim B\nmodel M(a: [B]) { " + b"undo " * 10_000 + b"negate a }",
    "long sum": b"dim B\nmodel M(a, b: [B]) { a += " + b"b + " * 10_000 + b"b }",
    "many nets": b"use std.nets: mlp\ndim B\nmodel M(a, b: [B, 8]) {\nrepeat 9000 { repeat 9000 { "
    b"a += mlp(b, width = 8) } }\n}",
    "unknown names": b"use std.nets: mlpp\nuse nowhere: X\ndim B\n"
    b"model M(a: [B]) { X(a)\n a += q }",
    "wrong shapes": b"dim B\nmodel M(a: [B, 3], b: [B, 4]) { a += b }",
    "an odd split": b"dim B\nmodel M(x: [B, 513]) { split x -> a, b }",
    "a block in itself": b"dim B\nblock L(a: [B]) { L(a) }\nmodel M(a: [B]) { L(a) }",
    "a net in itself": b"dim B\nnet F(x: [B]) -> [B] = F(x)\nmodel M(a, b: [B]) { a += F(b) }",
    "a file that uses itself": b"use spec: X\ndim B\nblock X(a: [B]) { negate a }",
}


@pytest.mark.parametrize("command", ["lint", "invert"])
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_located_finding(tmp_path: Path, name: str, command: str) -> None:
    path = tmp_path / "spec.rev"
    path.write_bytes(BAD[name])
    done = run(command, path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("deny[")
    assert f"--> {path}:" in done.stdout


@pytest.mark.parametrize("command", ["lint", "invert", "fmt"])
def test_a_path_that_is_no_file(tmp_path: Path, command: str) -> None:
    for path in (tmp_path, tmp_path / "missing.rev"):
        done = run(command, path)
        assert (done.returncode, done.stderr) == (1, "")
        assert f"--> {path}:1:1" in done.stdout


def test_dims_that_do_not_bind() -> None:
    done = run("lint", FOLDER / "lm.rev", "-D", "q=3")
    assert done.returncode == 1
    assert done.stderr == f"error: {FOLDER / 'lm.rev'}: no dim `q`\n"


def test_no_colour_when_it_is_no_terminal() -> None:
    assert "\x1b" not in run("lint", FOLDER / "digits.rev").stdout


def test_the_version() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("revc ")
