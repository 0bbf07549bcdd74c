"""The groups of figures of benchmarks/gpu.py, the most wanted first, with their targets."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks import coder_gpu, lm_groups, lm_measures, on_cuda
from benchmarks.attentions import KINDS
from benchmarks.gpu_clock import Clock
from benchmarks.lm_arms import build as language_model
from benchmarks.lm_data import FOLDER
from benchmarks.lm_groups import Job
from benchmarks.lm_setting import PLAIN, REVC, SETTINGS, VALVES
from benchmarks.measures import ratio, take_turns
from benchmarks.nets import Size
from benchmarks.rows import Row
from benchmarks.worker import MeasurementError

SMALL = Size(layers=6)
LARGE = Size(layers=24, batch=16, time=1024, width=1024, heads=16)
LATTICE, TORCH_NETS = "revc lattice", "revc lattice, torch nets"
ARMS = (
    "checkpoint", "plain", "selective checkpoint", "revtorch", "revc float", LATTICE, TORCH_NETS,
)  # fmt: skip
CARD = 16.0
"""GiB to which batches are grown: what a small card has, so that steps stay short."""

CUDA_TESTS = ["tests/bits/test_cuda.py", "tests/run/test_cuda.py", "tests/run/test_cuda_graph.py"]
WAYS = {
    "": (1.0, torch.float32),
    ", weights x4": (4.0, torch.float32),
    ", bf16": (1.0, torch.bfloat16),
    ", bf16, weights x4": (4.0, torch.bfloat16),
}


def tests(clock: Clock) -> Iterator[Row]:
    """The tests that need CUDA, in a process of their own."""
    call = partial(on_cuda.tests_that_fail, CUDA_TESTS)
    yield clock.row("the CUDA tests' exit status", "", call, target=0)


def coding(clock: Clock) -> Iterator[Row]:
    """Push and pop of bytes and bf16 in GB/s, beside the device's own copy."""
    yield from clock.rows("coder", lambda: coder_gpu.on_gpu(rounds=11))


def exactness(clock: Clock) -> Iterator[Row]:
    """Input elements that do not come back bit for bit, and runs that differ."""
    for arm in (LATTICE, TORCH_NETS):
        for way, (scale, dtype) in WAYS.items():
            label = f"{arm}{way}"
            eager = partial(on_cuda.rebuilt, arm, SMALL, scale, dtype)
            yield clock.row(f"elements not rebuilt, {label}", "", eager, target=0)
            steps = partial(on_cuda.wrong_rebuilds, arm, SMALL, scale, dtype)
            yield clock.row(f"steps rebuilt wrongly, compiled {label}", "of 3", steps, target=0)
    for arm in (LATTICE, TORCH_NETS):
        yield from repeats(clock, arm)


def repeats(clock: Clock, arm: str) -> Iterator[Row]:
    """Whether two runs give the same bits; gradients, with deterministic algorithms."""

    def differ(place: int) -> float:
        with on_cuda.deterministic():
            first, second = (on_cuda.digests(arm, SMALL, torch.bfloat16) for _ in range(2))
        return float(first[place] != second[place])

    for place, what in enumerate(("outputs", "gradients")):
        yield clock.row(f"two runs' {what} differ, {arm}", "", partial(differ, place), target=0)


def steps(clock: Clock) -> Iterator[Row]:
    """Peak and time of a step of 24 layers in bf16, and the largest batch on a small card."""
    for arm in ARMS:
        yield clock.row(f"peak of a step, {arm}", "MiB", partial(on_cuda.peak_mib, arm, LARGE))
    yield from _times(clock, "step", LARGE, list(ARMS), 1.05, compiled=False)
    yield from _times(clock, "compiled step", LARGE, ["checkpoint", LATTICE], 1.05, compiled=True)


def _times(
    clock: Clock, label: str, size: Size, arms: list[str], target: float, compiled: bool
) -> Iterator[Row]:
    """Step times as ratios to the first arm's, the arms that can run taking turns."""
    made = {}
    for arm in arms:
        try:
            made[arm] = clock.run(on_cuda.warm, arm=arm, size=size, compiled=compiled)
        except MeasurementError as error:
            yield Row(f"{label}, {arm}", None, f"x {arms[0]}", note=str(error))

    def measured() -> Iterator[Row]:
        times = take_turns(made, rounds=11)
        base, *others = made
        yield Row(f"{label}, {base}", sorted(times[base])[len(times[base]) // 2] * 1e3, "ms")
        for arm in others:
            limit = target if arm.startswith("revc") else None
            yield Row(f"{label}, {arm}", ratio(times, arm, base), f"x {base}", limit)

    yield from clock.rows(label, measured)


def batches(clock: Clock) -> Iterator[Row]:
    """The largest batch of a small card."""
    found: dict[str, float] = {}
    for arm in ("plain", "checkpoint", LATTICE):
        call = partial(on_cuda.largest_batch, arm, LARGE, CARD)
        row = clock.row(f"largest batch on {CARD:.0f} GiB, {arm}", "sequences", call)
        yield row
        if row.value:
            found[arm] = row.value
    if found.keys() >= {"plain", LATTICE}:
        gain = found[LATTICE] / found["plain"]
        yield Row(f"largest batch, {LATTICE}", gain, "x plain", 10, least=True)


def depth(clock: Clock, most: int = 64) -> Iterator[Row]:
    """Throughput at each arm's largest batch on a small card, but of at most `most` sequences."""
    for layers in (6, 12, 24, 48, 96):
        size = Size(layers, time=1024, width=1024, heads=16)
        found: dict[str, float] = {}
        for arm in ("plain", "checkpoint", LATTICE):

            def rate(arm: str = arm, size: Size = size) -> float:
                batch = min(most, on_cuda.largest_batch(arm, size, CARD))
                return on_cuda.tokens_per_second(arm, size, batch) if batch else 0.0

            row = clock.row(f"throughput, L={layers}, {arm}", "tokens/s", rate)
            yield row
            found[arm] = row.value or math.nan
        for arm in ("plain", "checkpoint"):
            gain = found[LATTICE] / found[arm] if found[arm] else math.inf
            yield Row(f"throughput, L={layers}, {LATTICE}", gain, f"x {arm}")


def language(clock: Clock) -> Iterator[Row]:
    """The language model in full: memory, step time, what its valves take, and energy."""
    job = Job("full", "cuda", run=clock.run)
    yield from lm_groups.memory(job)
    yield from lm_groups.step_time(job)
    at = SETTINGS["full"]
    for arm in (PLAIN, REVC, VALVES):

        def energy(arm: str = arm) -> float:
            on_cuda.free()
            model, inputs = language_model(arm, at, device="cuda"), lm_measures.batch(at, "cuda")
            return on_cuda.joules(lambda: model(*inputs).backward())

        yield clock.row(f"energy of a step, {arm}", "J", energy)


def training(clock: Clock) -> Iterator[Row]:
    """A training of the language model's arms, several at a time: their losses, no times."""
    if not FOLDER.exists():
        yield Row("training", None, "nats", note=f"left out: no text in {FOLDER}")
        return
    yield from lm_groups.quality(Job("device", "cuda", run=clock.apart, trainers=8))


def contexts(clock: Clock) -> Iterator[Row]:
    """Long sequences in bf16: what fits on the card, in which time."""
    for exponent in (12, 14, 16, 18):
        for kind in KINDS:
            size = Size(8, 1, 1 << exponent, 1024, 16, kind)
            for arm in ("checkpoint", TORCH_NETS):
                label = f"{1 << (exponent - 10)}K tokens, {kind}, {arm}"
                yield from clock.rows(label, partial(_long, label, arm, size))


def _long(label: str, arm: str, size: Size) -> Iterator[Row]:
    peak, seconds = on_cuda.long_step(arm, size)
    yield Row(f"peak, {label}", peak, "GiB")
    yield Row(f"step, {label}", seconds, "s")


GROUPS: dict[str, Callable[[Clock], Iterator[Row]]] = {
    "tests": tests,
    "exactness": exactness,
    "coder": coding,
    "steps": steps,
    "batches": batches,
    "language": language,
    "depth": depth,
    "contexts": contexts,
    "training": training,
}
