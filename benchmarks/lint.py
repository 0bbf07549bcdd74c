"""How fast lint answers, and how well it says what is wrong.

    python -m benchmarks.lint [--json] [--every N] [--only speed,mutations]

Times are processor time, of a process of its own for a cold start, and medians of rounds. One in
every N mutants of the specs that ship is linted.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.front import long_spec
from benchmarks.mutations import measured
from benchmarks.rows import Row, as_json, print_table
from benchmarks.worker import ROOT
from revc.passes.lint import lint

MAIN = [sys.executable, "-c", "from revc.cli import main; main()"]
SPECS = sorted((ROOT / "specs").glob("*.rev"))
ROUNDS = 5


def cold(*args: str) -> float:
    """Return the median processor time of ``revc lint`` on the language model, from its start."""
    return statistics.median(_child([*MAIN, "lint", "specs/lm.rev", *args]) for _ in range(ROUNDS))


def _child(command: Sequence[str]) -> float:
    before = _children()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def updates(count: int = 1500) -> str:
    """Return a spec of so many flat updates."""
    lines = "\n".join(f"  a += F{i % 4}(b)\n  b += tanh(a)" for i in range(count // 2))
    nets = "\n".join(f"  net F{i} = mlp(width = 32)" for i in range(4))
    head = "use std.nets: mlp\ndim B, c = 8\nstate lattice(Q12.20)\n"
    return f"{head}model M(a, b: [B, c]) {{\n{nets}\n{lines}\n}}\n"


def files(count: int = 100) -> float:
    """Return the processor time of one call of ``revc lint`` on a folder of so many specs."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            text = SPECS[number % len(SPECS)].read_text(encoding="utf-8")
            (Path(folder) / f"spec_{number}.rev").write_text(text, encoding="utf-8")
        command = [*MAIN, "lint", folder]
        return statistics.median(_child(command) for _ in range(ROUNDS))


def warm(text: str) -> float:
    """Return the median processor time of linting a text, imports excluded."""
    lint(long_spec(2))
    return statistics.median(_timed(lambda: lint(text)) for _ in range(ROUNDS))


def _timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def speed() -> Iterator[Row]:
    """Yield the times, in seconds of processor time."""
    yield Row("lint of the language model, cold", cold(), "s of CPU", 0.16)
    option = cold("--output-format", "concise")
    yield Row("the same with an option", option, "s of CPU", 0.16)
    yield Row("1,500 flat updates", warm(updates()), "s of CPU", 0.5)
    yield Row("100 files in one call", files(), "s of CPU", 0.6)
    blocks = long_spec(1000, alike=False)
    yield Row("1,000 blocks that differ", warm(blocks), "s of CPU", 1.5)


def mutations(every: int) -> Iterator[Row]:
    """Yield what is said of specs with one slip."""
    found = measured(SPECS, every)
    yield Row("mutants", found.mutants, "")
    yield Row("of them broken", found.broken, "")
    yield Row("crashes", found.crashes, "", 0)
    yield Row("broken and not reported", found.missed, "", 0)
    yield Row("first finding on the line of the slip", found.near, "", 0.95, least=True)
    yield Row("the same, of those that do not parse", found.syntax_near, "", 0.95, least=True)
    yield Row("more than three findings", found.many, "", 0.1)


GROUPS = ("speed", "mutations")


def main(arguments: list[str] | None = None) -> None:
    """Print the rows of the groups that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--every", type=int, default=10, help="lint one in so many mutants")
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, with commas")
    asked = parser.parse_args(arguments)
    chosen = asked.only.split(",")
    if unknown := set(chosen) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    rows = list(speed()) if "speed" in chosen else []
    rows += mutations(asked.every) if "mutations" in chosen else []
    if asked.json:
        print(as_json(rows))
    else:
        print_table("revc lint", rows)


if __name__ == "__main__":
    main()
