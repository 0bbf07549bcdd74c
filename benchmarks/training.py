"""Memory, work, time and exactness of one training step, revc's arms beside the others.

    python -m benchmarks.training [--quick] [--only memory,time] [--json [FILE]]

docs/benchmarks.md says what is counted. `make peers` installs the packages compared with.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

if not __package__:  # run by its path: the repository root is where `benchmarks` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from rich.console import Console

from benchmarks import groups
from benchmarks.groups import Plan
from benchmarks.rows import Row, as_json, print_table

GROUPS = {
    "memory": groups.memory,
    "work": groups.work,
    "time": groups.eager_time,
    "exactness": groups.exactness,
    "gradients": groups.gradients,
    "compile": groups.compilation,
    "segments": groups.segments,
    "front": groups.front_end,
}
QUICK = Plan(depths=(2, 4), depth=4, rounds=3)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="training", description="What a training step costs.")
    made.add_argument("--quick", action="store_true", help="few layers and repetitions")
    made.add_argument("--only", default=",".join(GROUPS), help="groups: %(default)s")
    made.add_argument("--depth", type=int, help="layers where one depth is measured")
    made.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="an array, to FILE or standard output"
    )
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    given = parser().parse_args(arguments)
    unknown = set(given.only.split(",")) - set(GROUPS)
    if unknown:
        parser().error(f"no such group: {', '.join(sorted(unknown))}")
    plan = QUICK if given.quick else Plan()
    plan = replace(plan, depth=given.depth or plan.depth)
    log = Console(stderr=True)
    rows: list[Row] = []
    for name in given.only.split(","):
        for row in GROUPS[name](plan):
            log.print(f"{name}: {row.name}", style="dim", highlight=False)
            rows.append(row)
    if given.json != "-":
        print_table("One training step", rows)
    if given.json == "-":
        print(as_json(rows))
    elif given.json:
        Path(given.json).write_text(as_json(rows))


if __name__ == "__main__":
    main()
