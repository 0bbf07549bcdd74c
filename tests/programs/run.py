"""Run many random programs through the laws: ``python -m tests.programs.run --count 500``."""

import argparse
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass

import torch

from tests.programs import laws
from tests.programs.exclusions import EXCLUSIONS
from tests.programs.generate import Program, program
from tests.programs.laws import LAWS, Case, Skipped
from tests.programs.shrink import shrunk


@dataclass(frozen=True)
class Failure:
    """What went wrong: the sort of error, and its words."""

    kind: str
    text: str


def failure_of(case: Case, law: str) -> Failure | None:
    """Return how a program breaks a law, None if it does not.

    Raises:
        Skipped: the law says nothing of it.
    """
    try:
        laws.check(case, law)
    except Skipped:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a compiled program raises is a finding
        return Failure(type(error).__name__, " ".join(str(error).split())[:300])
    return None


def same_failure(candidate: Program, law: str, known: Failure) -> bool:
    """Say whether a smaller program fails alike: with an error of the sort, of like words."""
    try:
        found = failure_of(Case(candidate), law)
    except Skipped:
        return False
    return found is not None and found.kind == known.kind and _stem(found) == _stem(known)


def _stem(failure: Failure) -> str:
    """Return the words of a failure up to its first name or number."""
    words = failure.text.split(" ")[:2] if failure.kind == "AssertionError" else [failure.text[:25]]
    return words[0] if words else ""


def main() -> int:
    """Run the laws; print each failure with its source, shrunk; return how many there were."""
    args = _arguments()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    left_out = frozenset(EXCLUSIONS) - frozenset(args.include)
    counts: Counter[str] = Counter()
    chosen = args.only or list(LAWS)
    begin = time.monotonic()
    for seed in range(args.seed, args.seed + args.count):
        case = Case(program(seed, left_out))
        for law in chosen:
            counts[_report(case, law, args.shrink)] += 1
    seconds = time.monotonic() - begin
    print(f"{args.count} programs in {seconds:.0f} s")
    for name, times in sorted(counts.items()):
        print(f"{times:6} {name}")
    return sum(n for name, n in counts.items() if name.startswith("failed"))


def _report(case: Case, law: str, shrink: bool) -> str:
    """Check a law, print its failure, and return what to count."""
    try:
        failure = failure_of(case, law)
    except Skipped as reason:
        return f"skipped {law}: {reason}"
    if failure is None:
        return f"held {law}"
    print(f"--- seed {case.program.seed}, law {law}: {failure.kind}: {failure.text}", flush=True)
    if shrink:
        small = shrunk(case.program, lambda p: same_failure(p, law, failure))
        print(small.source, flush=True)
    return f"failed {law}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="the first program's seed")
    parser.add_argument("--only", action="append", choices=list(LAWS), help="check this law alone")
    parser.add_argument(
        "--include", action="append", default=[], choices=list(EXCLUSIONS),
        help="make what is known to fail as well",
    )  # fmt: skip
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
