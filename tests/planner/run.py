"""Hold the planner against brute force: ``python -m tests.planner.run --count 2000``."""

import argparse
import sys
import time
from collections import Counter

from tests.planner.brute import budgets, frontier
from tests.planner.instances import chain
from tests.planner.laws import LAWS


def main() -> int:
    """Check random chains; print each failure with its seed; return how many there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="the first chain's seed")
    parser.add_argument("--most", type=int, default=8, help="segments of the longest chain")
    parser.add_argument("--skips", action="store_true", help="chains with skips")
    parser.add_argument("--only", action="append", choices=list(LAWS), help="check this law alone")
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    begin = time.process_time()
    for seed in range(args.seed, args.seed + args.count):
        one = chain(seed, args.most, args.skips)
        found = frontier(one)
        counts["budgets"] += sum(1 for _ in budgets(found))
        for law in args.only or LAWS:
            try:
                LAWS[law](one, found)
            except AssertionError as error:
                print(f"--- seed {seed}, law {law}: {error}", flush=True)
                counts[f"failed {law}"] += 1
            else:
                counts[f"held {law}"] += 1
    print(f"{args.count} chains in {time.process_time() - begin:.0f} s of CPU")
    for name, times in sorted(counts.items()):
        print(f"{times:7} {name}")
    return sum(times for name, times in counts.items() if name.startswith("failed"))


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
