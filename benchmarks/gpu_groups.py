"""The groups of figures of benchmarks/gpu.py, the most wanted first, with their targets."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from benchmarks import coder_gpu, coder_warp, lm_groups, lm_measures, on_cuda, streaming
from benchmarks.attentions import KINDS
from benchmarks.gpu_clock import Clock
from benchmarks.lm_arms import build as language_model
from benchmarks.lm_data import FOLDER
from benchmarks.lm_groups import Job
from benchmarks.lm_setting import CHECKPOINT, PLAIN, REVC, SETTINGS, VALVES
from benchmarks.measures import ratio, take_turns
from benchmarks.nets import Size
from benchmarks.rows import Row
from benchmarks.worker import MeasurementError

SMALL = Size(layers=6)
LARGE = Size(layers=24, batch=16, time=1024, width=1024, heads=16)
LATTICE, TORCH_NETS = "revc lattice", "revc lattice, torch nets"
CHUNKED = "revc lattice, chunks=4"
ARMS = (
    "checkpoint", "plain", "selective checkpoint", "revtorch", "revc float", LATTICE, TORCH_NETS,
)  # fmt: skip
CARD = 16.0
"""GiB to which batches are grown: what a small card has, so that steps stay short."""

CUDA_TESTS = [
    "tests/bits/test_cuda.py", "tests/run/test_cuda.py", "tests/run/test_cuda_graph.py",
    "tests/run/test_fused_state.py", "tests/metered/test_fused.py",
]  # fmt: skip
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
    yield from clock.rows("coder, warps", lambda: coder_warp.rows(rounds=11))


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

    def compared() -> Iterator[Row]:
        with on_cuda.deterministic():
            first, second = (on_cuda.digests(arm, SMALL, torch.bfloat16) for _ in range(2))
        for what, one, other in zip(("outputs", "gradients"), first, second, strict=True):
            yield Row(f"two runs' {what} differ, {arm}", float(one != other), "", 0)

    yield from clock.rows(f"two runs, {arm}", compared)


def steps(clock: Clock) -> Iterator[Row]:
    """Peak and time of a step of 24 layers in bf16, and the largest batch on a small card."""
    for arm in ARMS:
        yield clock.row(f"peak of a step, {arm}", "MiB", partial(on_cuda.peak_mib, arm, LARGE))
    yield from _times(clock, "step", LARGE, list(ARMS), 1.05, compiled=False)
    arms = ("checkpoint", "plain", LATTICE)
    yield from graphs(clock, "step", {arm: partial(_arm, arm) for arm in arms})
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
        yield Row(f"{label}, {base}", statistics.median(times[base]) * 1e3, "ms")
        for arm in others:
            limit = target if arm.startswith("revc") else None
            yield Row(f"{label}, {arm}", ratio(times, arm, base), f"x {base}", limit)

    yield from clock.rows(label, measured)


def graphs(clock: Clock, label: str, steps: Mapping[str, Callable[[], Any]]) -> Iterator[Row]:
    """Times of steps that a CUDA graph replays, as ratios to the first."""
    base, first = None, next(iter(steps))
    for arm, make in steps.items():
        call = partial(_replayed, make)
        row = clock.row(f"{label} as a CUDA graph, {arm}", "ms", call)
        yield row
        if base is not None and row.value:
            yield Row(row.name, row.value / base, f"x {first}")
        if arm == first:
            base = row.value


def _replayed(make: Callable[[], tuple[Callable[[], None], list[torch.Tensor]]]) -> float:
    on_cuda.free()
    return on_cuda.median_seconds(on_cuda.captured(*make()), 11) * 1e3


def _arm(name: str) -> tuple[Callable[[], None], list[torch.Tensor]]:
    made = on_cuda.built(name, LARGE)
    return made.step, made.tensors()


def _language_arm(name: str) -> tuple[Callable[[], None], list[torch.Tensor]]:
    at = SETTINGS["full"]
    model, inputs = language_model(name, at, device="cuda"), lm_measures.batch(at, "cuda")
    return lambda: model(*inputs).backward(), list(model.parameters())


def batches(clock: Clock) -> Iterator[Row]:
    """The largest batch of a small card."""
    found: dict[str, float] = {}
    for arm in ("plain", "checkpoint", "revtorch", LATTICE, CHUNKED):
        call = partial(on_cuda.largest_batch, arm, LARGE, CARD)
        row = clock.row(f"largest batch on {CARD:.0f} GiB, {arm}", "sequences", call)
        yield row
        if row.value:
            found[arm] = row.value
    for arm in (LATTICE, CHUNKED):
        if found.keys() >= {"plain", arm}:
            gain = found[arm] / found["plain"]
            yield Row(f"largest batch, {arm}", gain, "x plain", 10, least=True)


def depth(clock: Clock, most: int = 16) -> Iterator[Row]:
    """Throughput at each arm's largest batch on a small card, but of at most `most` sequences."""
    for layers in (96, 24, 6, 48, 12):  # what tells most comes first
        size = Size(layers, time=1024, width=1024, heads=16)
        found: dict[str, float] = {}
        for arm in ("plain", "checkpoint", LATTICE):

            def rate(arm: str = arm, size: Size = size) -> float:
                batch = min(most, on_cuda.largest_batch(arm, size, CARD))
                return on_cuda.tokens_per_second(arm, size, batch) if batch else 0.0

            row = clock.row(f"throughput, L={layers}, {arm}", "tokens/s", rate)
            yield row
            found[arm] = row.value or 0.0
        for arm in ("plain", "checkpoint"):
            if found[arm] and found[LATTICE]:
                gain = found[LATTICE] / found[arm]
                yield Row(f"throughput, L={layers}, {LATTICE}", gain, f"x {arm}")


def language(clock: Clock) -> Iterator[Row]:
    """The language model in full: memory, step time, what its valves take, and energy."""
    job = Job("full", "cuda", run=clock.run)
    yield from lm_groups.memory(job)
    yield from lm_groups.step_time(job)
    at = SETTINGS["full"]
    arms = (PLAIN, CHECKPOINT, REVC, VALVES)
    steps = {arm: partial(_language_arm, arm) for arm in arms}
    found = {row.name: row for row in graphs(clock, "language model", steps) if row.unit == "ms"}
    yield from found.values()
    valves, without = (found[f"language model as a CUDA graph, {a}"].value for a in (VALVES, REVC))
    if valves and without:
        part = 1 - without / valves
        yield Row("valves' part of a step as a CUDA graph", part, "of it", lm_groups.A_TENTH)
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
    for exponent in (18, 16, 14, 12):
        for kind in KINDS:
            size = Size(4, 1, 1 << exponent, 1024, 16, kind)
            for arm in ("checkpoint", TORCH_NETS):
                label = f"{1 << (exponent - 10)}K tokens, {kind}, {arm}"
                yield from clock.rows(label, partial(_long, label, arm, size))


def _long(label: str, arm: str, size: Size) -> Iterator[Row]:
    peak, seconds = on_cuda.long_step(arm, size)
    yield Row(f"peak, {label}", peak, "GiB")
    yield Row(f"step, {label}", seconds, "s")


def streams(clock: Clock) -> Iterator[Row]:
    """A tape that streams to host memory: what of it the device holds, and step times."""
    yield from clock.rows("streaming", lambda: streaming.rows("full", "cuda"))


GROUPS: dict[str, Callable[[Clock], Iterator[Row]]] = {
    "tests": tests,
    "exactness": exactness,
    "coder": coding,
    "steps": steps,
    "batches": batches,
    "language": language,
    "streaming": streams,
    "depth": depth,
    "contexts": contexts,
    "training": training,
}
