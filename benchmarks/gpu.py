"""What has to be seen on a GPU: exactness, memory, time, the coder, valves, long sequences.

    python -m benchmarks.gpu [--only GROUPS] [--budget SECONDS] [--limit SECONDS] [--json [FILE]]

Without CUDA it says so and ends. All figures but the tests' and the trainings' are measured in
this one process. What does not fit into the budget is left out, and said to be.
"""

import argparse
import sys
from pathlib import Path

if not __package__:  # run by its path: the repository root is where `benchmarks` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from benchmarks.gpu_clock import Clock
from benchmarks.gpu_groups import GROUPS
from benchmarks.rows import Row, as_json, print_table


def main(arguments: list[str] | None = None) -> None:
    """Run the groups and print the table last."""
    parser = argparse.ArgumentParser(prog="gpu", description="The checks that need CUDA.")
    parser.add_argument("--only", help=f"some of {','.join(GROUPS)}, in the order wanted")
    parser.add_argument("--budget", type=float, default=450, help="seconds in all")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one measurement")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write an array")
    given = parser.parse_args(arguments)
    asked = given.only.split(",") if given.only else list(GROUPS)
    if unknown := set(asked) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if not torch.cuda.is_available():
        print("skipped: no CUDA device here, and every check of this script needs one")
        return
    rows: list[Row] = []
    clock = Clock(given.budget, given.limit)
    for name in asked:
        for row in GROUPS[name](clock):
            print(f"{row.name}: {row.value} {row.unit} {row.note}", file=sys.stderr, flush=True)
            rows.append(row)
        if given.json and given.json != "-":  # what is measured is kept, whatever follows
            Path(given.json).write_text(as_json(rows))
        print(f"-- {name}: {clock.left:.0f} s left", file=sys.stderr, flush=True)
    if given.json == "-":
        print(as_json(rows))
    else:
        print_table(torch.cuda.get_device_name(), rows)


if __name__ == "__main__":
    main()
