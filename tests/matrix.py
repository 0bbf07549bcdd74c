"""The suite under each interpreter and each torch that revc admits: ``make matrix``.

Every pair has a virtual environment of its own, `.matrix/PYTHON-TORCH`, and a log beside it. This
file runs on the standard library alone. The exit status is 0 if something ran and all that ran
passed; a pair that is not to be had on this machine is named in the table, and is no failure.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".matrix"
VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
RELEASES = (
    "from importlib.metadata import version as v; print(*map(v, ('torch', 'triton', 'numpy')))"
)
HEADER = ("python", "torch", "triton", "numpy", "result")


class Row(NamedTuple):
    """A line of the table; `passed` is None where nothing ran."""

    python: str
    torch: str
    triton: str
    numpy: str
    result: str
    passed: bool | None


def absent(python: str, torch: str, why: str) -> Row:
    """Return the row of a pair that is not to be had."""
    return Row(python, torch, "-", "-", f"not available: {why}", None)


def candidates(asked: str) -> Iterator[str]:
    """Yield the programs that may be the interpreter: a path, or a version looked for on PATH."""
    if os.sep in asked:
        yield asked
        return
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(f"python{asked}", path=folder)
        if found is not None:
            yield found


def answer(python: str, code: str) -> str | None:
    """Return what an interpreter prints for a line of code, None if it does not run."""
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def interpreter(asked: str) -> tuple[str, str] | None:
    """Return the first candidate that runs (a version manager's shim may not), and its version."""
    for python in candidates(asked):
        version = answer(python, VERSION)
        if version:
            return python, version
    return None


def logged(log: Path, command: Sequence[str]) -> bool:
    """Run a command in the repository, its output appended to a log; say whether it succeeded."""
    with log.open("a") as file:
        print("$", shlex.join(command), file=file, flush=True)
        done = subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, check=False)
    return done.returncode == 0


def set_up(python: str, torch: str, venv: Path, log: Path) -> bool:
    """Make the environment of a pair, unless it is newer than what it is made from."""
    stamp = venv / ".setup-done"
    if stamp.exists() and stamp.stat().st_mtime > (ROOT / "pyproject.toml").stat().st_mtime:
        return True
    limit = HOME / f"{venv.name}.constraints"
    limit.write_text(f"torch=={torch}.*\n")
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--constraint", str(limit)]
    steps = ([python, "-m", "venv", str(venv)], [*pip, "torch"], [*pip, "--editable", ".[dev,gpu]"])
    made = all(logged(log, step) for step in steps)
    if made:
        stamp.touch()
    return made


def summary(log: Path) -> str:
    """Return pytest's last line."""
    return log.read_text().strip().rpartition("\n")[2].strip("= ")


def measured(asked: str, torch: str, arguments: Sequence[str]) -> Row:
    """Run the suite in one pair."""
    found = interpreter(asked)
    if found is None:
        return absent(asked, torch, f"no python{asked} that runs")
    python, version = found
    venv = HOME / f"{version}-{torch}"
    log = HOME / f"{venv.name}.log"
    log.write_text("")
    if not set_up(python, torch, venv, log):
        return absent(version, torch, f"pip could not install it, see {log.relative_to(ROOT)}")
    own = str(venv / "bin/python")
    releases = (answer(own, RELEASES) or "- - -").split()
    cache = f"cache_dir={venv / '.pytest_cache'}"
    passed = logged(log, [own, "-m", "pytest", "-o", cache, *arguments])
    return Row(version, *releases, summary(log), passed)


def table(rows: Sequence[Row]) -> str:
    """Return the rows in columns."""
    lines = [HEADER, *(row[:5] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (zip(line, widths, strict=True) for line in lines)
    return "\n".join("  ".join(cell.ljust(n) for cell, n in line).rstrip() for line in padded)


def status(rows: Sequence[Row]) -> int:
    """Return the exit status that the rows come to."""
    ran = [row.passed for row in rows if row.passed is not None]
    return 0 if ran and all(ran) else 1


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pythons", default="3.11 3.12 3.13", help="versions, or paths")
    parser.add_argument("--torches", default="2.11 2.12 2.13")
    asked, arguments = parser.parse_known_args()
    HOME.mkdir(exist_ok=True)
    rows = []
    for python in asked.pythons.split():
        for torch in asked.torches.split():
            print(f"{python} with torch {torch} ..", flush=True)
            rows.append(measured(python, torch, arguments))
            print(rows[-1].result, flush=True)
    print(f"\n{table(rows)}")
    return status(rows)


if __name__ == "__main__":
    sys.exit(main())
