"""How fast lint answers, and how well it says what is wrong.

    python -m benchmarks.lint [--json] [--every N] [--only speed,keys,mutations]

Times are processor time, of a process of its own for a cold start, and medians of rounds. A cold
start has its modules compiled, as an installed package has. A text is linted as the command does
it: without looking for cycles that nobody holds. One in every N mutants of the specs that ship is
linted.
"""

import argparse
import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.front import long_spec
from benchmarks.mutations import measured
from benchmarks.rows import Row, as_json, print_table
from benchmarks.worker import ROOT
from revc.lsp.workspace import Workspace
from revc.passes.lint import lint

MAIN = [sys.executable, "-c", "from revc.cli import main; main()"]
SPECS = sorted((ROOT / "specs").glob("*.rev"))
ROUNDS = 5


def cold(*args: str) -> float:
    """Return the median processor time of ``revc lint`` on the language model, from its start."""
    return _child([*MAIN, "lint", "specs/lm.rev", *args])


def _child(command: Sequence[str]) -> float:
    """Return the median processor time of a command that finds its modules compiled."""
    with tempfile.TemporaryDirectory() as compiled:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = compiled
        times = []
        for _ in range(ROUNDS + 1):
            before = _children()
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=env)
            times.append(_children() - before)
    return statistics.median(times[1:])  # the first compiles them


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
        return _child([*MAIN, "lint", folder])


def warm(text: str) -> float:
    """Return the median processor time of linting a text, imports excluded."""
    lint(long_spec(2))
    return statistics.median(_timed(lambda: lint(text)) for _ in range(ROUNDS))


def _timed(call: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        call()
        return time.process_time() - start
    finally:
        gc.enable()


def speed() -> Iterator[Row]:
    """Yield the times, in seconds of processor time."""
    yield Row("lint of the language model, cold", cold(), "s of CPU", 0.16)
    option = cold("--output-format", "concise")
    yield Row("the same with an option", option, "s of CPU", 0.16)
    yield Row("1,500 flat updates", warm(updates()), "s of CPU", 0.5)
    yield Row("100 files in one call", files(), "s of CPU", 0.6)
    blocks = long_spec(1000, alike=False)
    yield Row("1,000 blocks that differ", warm(blocks), "s of CPU", 1.5)


def own_nets(count: int = 1490) -> str:
    """Return a spec of so many updates of one body, two nets of their own in each."""
    line = "  {} += mlp(norm({}), width = {})"
    lines = (line.format(*("ab" if i % 2 else "ba"), 8 + i % 50) for i in range(count))
    head = "use std.nets: mlp, norm\ndim B, c = 8\nstate lattice(Q12.20)\n"
    return f"{head}model M(a, b: [B, c]) {{\n" + "\n".join(lines) + "\n}\n"


def keys() -> Iterator[Row]:
    """Yield how long an editor waits in files of 1,500 lines, in seconds of processor time."""
    files = {
        "1,500 updates": updates(1490),
        "1,500 updates of nets of their own": own_nets(),
        "250 blocks and their calls": long_spec(250, alike=False),
    }
    for what, text in files.items():
        for where, line in (("near the top", 20), ("in the middle", text.count("\n") // 2)):
            typed, longer = _edited(text, line)
            yield Row(f"{what}: a key {where}", answer(text, typed), "s of CPU", 0.15)
            yield Row(f"{what}: a new line {where}", answer(text, longer), "s of CPU", 0.15)


def _edited(text: str, line: int) -> tuple[str, str]:
    """Return a text with other numbers in an update behind a line, and with one more update."""
    rows = text.split("\n")
    at = next(n for n in range(line, len(rows)) if "+=" in rows[n])
    typed = f"{rows[at]} / 2"
    ways = [typed], [typed, rows[at]]
    one, other = ("\n".join([*rows[:at], *way, *rows[at + 1 :]]) for way in ways)
    return one, other


def answer(before: str, after: str) -> float:
    """Return the median time to find what is wrong with a text that an editor changes to another.

    Texts come by turns, so every other one takes the change back.
    """
    workspace = Workspace()

    def found(text: str) -> None:
        workspace.open("/long.rev", text).findings  # noqa: B018 - worked out as they are asked for

    found(before)
    turns = [after, before] * ROUNDS
    return statistics.median(_timed(partial(found, text)) for text in turns)


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


GROUPS = ("speed", "keys", "mutations")


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
    rows += keys() if "keys" in chosen else []
    rows += mutations(asked.every) if "mutations" in chosen else []
    if asked.json:
        print(as_json(rows))
    else:
        print_table("revc lint", rows)


if __name__ == "__main__":
    main()
