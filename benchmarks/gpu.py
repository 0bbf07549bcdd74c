"""What has to be seen on a GPU: exactness, memory, time, torch.compile, the coder, valves.

    python -m benchmarks.gpu [--quick] [--json [FILE]] [--budget SECONDS]

Without CUDA it says so and ends. Each figure is measured in a process of its own; what does not
fit into the budget is left out, and said to be.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:  # run by its path: the repository root is where `benchmarks` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from benchmarks import lm_groups, measures, on_cuda
from benchmarks.lm_data import FOLDER
from benchmarks.lm_groups import Job
from benchmarks.nets import Size
from benchmarks.rows import Row, as_json, print_table
from benchmarks.worker import MeasurementError, measure

SMALL = Size(layers=6)
LARGE = Size(layers=24, batch=16, time=1024, width=1024, heads=16)
ARMS = ("plain", "checkpoint", "revc float", "revc lattice", "revc lattice, torch nets")
EXACT_ARM = "revc lattice"


@dataclass
class Clock:
    """Lets measurements start only while the budget lasts."""

    budget: float
    start: float

    def attempt(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Measure within what is left.

        Raises:
            MeasurementError: it failed, or nothing is left.
        """
        left = self.budget - (time.perf_counter() - self.start)
        if left < 1:
            raise MeasurementError("left out: the time budget is spent")
        return measure(function, timeout=left, **arguments)

    def row(
        self, name: str, unit: str, target: float | None, function: Callable[..., Any], **how: Any
    ) -> Row:
        """Return a figure's row, with the reason in place of one that could not be measured."""
        try:
            return Row(name, self.attempt(function, **how), unit, target)
        except MeasurementError as error:
            return Row(name, None, unit, target, note=str(error))


def exactness(clock: Clock, size: Size) -> Iterator[Row]:
    """Input elements that do not come back bit for bit."""
    for arm in (EXACT_ARM, "revc lattice, torch nets"):
        for variant, how in measures.VARIANTS.items():
            name = f"input elements not rebuilt, {arm}{variant}"
            yield clock.row(
                name, "elements", 0, on_cuda.rebuilt, arm=arm, size=size.values(), **how
            )


def memory(clock: Clock, size: Size) -> Iterator[Row]:
    """Peak of a step beside parameters, inputs and gradients that existed before it."""
    for arm in ARMS:
        name = f"peak, {arm}"
        yield clock.row(name, "MiB", None, on_cuda.peak_mib, arm=arm, size=size.values())


def step_time(clock: Clock, size: Size, rounds: int, compiled: bool) -> Iterator[Row]:
    """Step times as ratios, the arms taking turns; with checkpointing as the base if compiled."""
    arms = ["checkpoint", EXACT_ARM] if compiled else list(ARMS)
    label = "compiled step time" if compiled else "step time"
    base = f"compiled {arms[0]}" if compiled else arms[0]
    target = 1.10 if compiled else None
    try:
        times = clock.attempt(
            on_cuda.step_seconds, arms=arms, size=size.values(), rounds=rounds, compiled=compiled
        )
    except MeasurementError as error:
        yield Row(label, None, f"x {base}", target, note=str(error))
        return
    for arm in arms[1:]:
        yield Row(f"{label}, {arm}", measures.ratio(times, arm, arms[0]), f"x {base}", target)


def compilation(clock: Clock, size: Size) -> Iterator[Row]:
    """Whether compiled steps rebuild their input bit for bit, and how long compiling takes."""
    how = {"arm": EXACT_ARM, "size": size.values()}
    name = f"steps with a wrong rebuild, compiled {EXACT_ARM}"
    yield clock.row(name, "of 3", 0, on_cuda.wrong_rebuilds, **how)
    yield clock.row(f"compile time, {EXACT_ARM}", "s", None, on_cuda.compile_seconds, **how)


def coding(clock: Clock, rounds: int) -> Iterator[Row]:
    """The entropy coder: the tapes of the CPU, and the rates of push and pop."""
    yield clock.row("coder's tests on CUDA, exit status", "", 0, on_cuda.coder_faults)
    try:
        rates = clock.attempt(on_cuda.coder_rates, rounds=rounds)
    except MeasurementError as error:
        yield Row("coder rates", None, "GB/s", note=str(error))
        return
    for name, value, unit in rates:
        yield Row(name, value, unit)


def language(clock: Clock) -> Iterator[Row]:
    """The language model with valves: memory and step time in full, and a short training."""
    full, short = (Job(name, "cuda", run=clock.attempt) for name in ("full", "short"))
    yield from lm_groups.memory(full)
    yield from lm_groups.step_time(full)
    if not FOLDER.exists():
        note = f"left out: no text in {FOLDER}, see benchmarks/lm_data.py"
        yield Row("training of the language model", None, "nats", note=note)
        return
    yield from lm_groups.quality(short)


def main(arguments: list[str] | None = None) -> None:
    """Run every check and print the table last."""
    parser = argparse.ArgumentParser(prog="gpu", description="The checks that need CUDA.")
    parser.add_argument("--quick", action="store_true", help="the small size throughout")
    parser.add_argument("--budget", type=float, default=450, help="seconds in all")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write an array")
    given = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("skipped: no CUDA device here, and every check of this script needs one")
        return
    size, rounds = (SMALL, 5) if given.quick else (LARGE, 11)
    clock = Clock(given.budget, time.perf_counter())
    checks = (
        exactness(clock, SMALL),
        compilation(clock, SMALL),
        memory(clock, size),
        step_time(clock, size, rounds, compiled=False),
        step_time(clock, SMALL, rounds, compiled=True),
        coding(clock, rounds),
        language(clock),
    )
    rows = []
    for check in checks:
        for row in check:
            print(f"{row.name}: {row.value} {row.unit} {row.note}", file=sys.stderr, flush=True)
            rows.append(row)
    if given.json and given.json != "-":
        Path(given.json).write_text(as_json(rows))
    if given.json == "-":
        print(as_json(rows))
    else:
        print_table(torch.cuda.get_device_name(), rows)


if __name__ == "__main__":
    main()
