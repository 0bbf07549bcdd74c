"""The planner: how near the bound its plans are, and how long they take, with their certificate.

    python -m benchmarks.schedule [--json] [--rounds N] [--count N]

Long chains are of distinct random segments (benchmarks/long_chains.py), at budgets that are shares
of what saving everything takes. Gaps are to the bound that is reported, which is at most the linear
program's: that is asked only where the bound by price is not good enough. Times are medians of the
process's own, plan and certificate together. Short chains are held against every plan there is.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

from benchmarks.long_chains import long_chain
from benchmarks.rows import Row, as_json, print_table
from revc.passes.schedule.chain import Chain
from revc.passes.schedule.plan import save_all
from revc.passes.schedule.simulate import simulate
from revc.passes.schedule.solve import Solution, solve
from tests.planner.brute import budgets, frontier
from tests.planner.instances import chain as short_chain

SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)


def long_rows(title: str, chain: Chain, rounds: int, most: float) -> Iterator[Row]:
    """The gap and the time of a long chain at each budget; warm, as a first call imports scipy."""
    full = simulate(chain, save_all(chain)).peak
    solve(long_chain(60, 0), 40 * 2**20)
    for share in SHARES:
        memory = int(share * full)
        found, seconds = timed(chain, memory, rounds)
        name = f"{title}, {100 * share:g} %"
        if found.trace.peak > memory:
            raise RuntimeError(f"{name}: the plan does not fit")
        yield Row(f"{name}, gap", 100 * found.gap, "%", 1.0)
        yield Row(f"{name}, time", seconds, "s", most)


def timed(chain: Chain, memory: int, rounds: int) -> tuple[Solution, float]:
    """Return a solution, and the median time that it takes."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        found = solve(chain, memory)
        taken.append(time.process_time() - start)
    return found, statistics.median(taken)


def short_rows(title: str, count: int, skips: bool) -> Iterator[Row]:
    """How many short chains and budgets were tried, and how many plans were not the best."""
    tried = wrong = 0
    for seed in range(count):
        chain = short_chain(seed, most=7, skips=skips)
        for memory, least in budgets(frontier(chain)):
            found = solve(chain, memory)
            tried += 1
            wrong += found.extra_time != least or found.trace.peak > memory
    yield Row(f"{title}, chains", count, "chains")
    yield Row(f"{title}, budgets", tried, "budgets")
    yield Row(f"{title}, not the best", wrong, "plans", 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--rounds", type=int, default=3, help="of each time (3)")
    parser.add_argument("--count", type=int, default=200, help="short chains of each sort (200)")
    options = parser.parse_args()
    rows = [
        *long_rows("1000 blocks", long_chain(1000, 0, invertible=0.0), options.rounds, 1.0),
        *long_rows("1000 blocks, mixed", long_chain(1000, 1), options.rounds, 1.0),
        *long_rows("1000 nodes, 100 skips", long_chain(1000, 2, skips=100), options.rounds, 2.0),
        *short_rows("brute force", options.count, skips=False),
        *short_rows("brute force, skips", options.count, skips=True),
    ]
    if options.json:
        print(as_json(rows))
    else:
        print_table("schedule", rows)


if __name__ == "__main__":
    main()
