"""The groups of figures that benchmarks/language_model.py reports, with their targets."""

import json
import math
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import lm_measures, lm_train
from benchmarks.lm_arms import METERS
from benchmarks.lm_setting import (
    ARMS,
    BOUND,
    BUDGET,
    CHECKPOINT,
    METERED,
    PLAIN,
    REVC,
    SETTINGS,
    TRAINED,
    VALVES,
    Setting,
)
from benchmarks.measures import ratio
from benchmarks.rows import Row
from benchmarks.worker import MeasurementError, measure

MIB = 2**20
SAME = 0.02  # of plain's parameters: how far an arm's may be off
A_TENTH = 0.1
BOOKS = 0.02  # of a step: what tape and ledger may take beside the coder
DAY = 24 * 3600  # seconds
Run = Callable[..., Any]


@dataclass(frozen=True)
class Job:
    """What is measured: a setting on a device; finished trainings are kept in `folder`.

    `run` measures in a process of its own, as `benchmarks.worker.measure` does. So many `trainers`
    train at a time, on the CPU each with one thread: small networks gain little from a second.
    """

    setting: str
    device: str = "cpu"
    folder: Path | None = None
    run: Run = field(default=partial(measure, timeout=DAY))
    trainers: int = 1

    @property
    def at(self) -> Setting:
        """The sizes."""
        return SETTINGS[self.setting]


def sizes(job: Job) -> Iterator[Row]:
    """How many numbers each arm learns, and how far that is from plain's."""
    counts: dict[str, int] = {}
    for arm in TRAINED:
        counts[arm] = job.run(lm_measures.count, arm=arm, setting=job.setting)
        yield Row(f"parameters, {arm}", counts[arm], "")
    for arm in TRAINED[1:]:
        off = abs(counts[arm] / counts[PLAIN] - 1)
        yield Row(f"parameters beside plain's, {arm}", off, "off by", SAME)


def memory(job: Job) -> Iterator[Row]:
    """The peak of a step beside parameters and gradients, and as a part of plain's."""
    ways = [(arm, 1) for arm in ARMS] + [(arm, job.at.chunks) for arm in (REVC, VALVES, BUDGET)]
    plain: float | None = None
    for arm, chunks in ways:
        label = arm if chunks == 1 else f"{arm}, chunks={chunks}"
        how = {"arm": arm, "chunks": chunks, "setting": job.setting, "device": job.device}
        try:
            value = job.run(lm_measures.peak, **how) / MIB
        except MeasurementError as error:
            yield Row(f"peak, {label}", None, "MiB", note=str(error))
            continue
        yield Row(f"peak, {label}", value, "MiB")
        plain = value if arm == PLAIN else plain
        if plain is not None and arm != PLAIN:
            target = A_TENTH if chunks > 1 else None
            yield Row(f"peak, {label}", value / plain, "x plain", target)


def step_time(job: Job) -> Iterator[Row]:
    """Step times as ratios, the arms taking turns, and the part of a step that valves take."""
    how = {"setting": job.setting, "device": job.device}
    try:
        times = job.run(lm_measures.step_seconds, arms=list(ARMS), **how)
    except MeasurementError as error:
        yield Row("step time", None, "x plain", note=str(error))
        return
    yield Row(f"step time, {PLAIN}", statistics.median(times[PLAIN]), "s")
    for arm in (CHECKPOINT, REVC, *METERED):
        yield Row(f"step time, {arm}", ratio(times, arm, PLAIN), "x plain")
    for arm in METERED:
        share = 1 - ratio(times, REVC, arm)
        yield Row(f"valves' part of a step, {arm}", share, "of it", A_TENTH)
    if job.device == "cpu":  # elsewhere the host does not wait, and its time says nothing
        for arm in METERED:
            pairs = job.run(lm_measures.bookkeeping, arm=arm, setting=job.setting)
            part = statistics.median(books / step for step, books in pairs)
            yield Row(f"tape and ledger's part of a step, {arm}", part, "of it", BOOKS)


def quality(job: Job) -> Iterator[Row]:
    """Train every arm from every seed; the losses on held-out text, and the tapes."""
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in TRAINED}
    todo = [(arm, seed) for seed, arm in product(range(job.at.seeds), TRAINED)]
    with ThreadPoolExecutor(job.trainers) as pool:
        runs = pool.map(lambda one: _attempt(job, *one), todo)
        for (arm, seed), run in zip(todo, runs, strict=True):
            name = f"training, {arm}, seed {seed}"
            if isinstance(run, MeasurementError):
                yield Row(name, None, "s", note=str(run))
                continue
            found[arm].append(run)
            yield Row(name, run["seconds"], "s")
    limit = max((run["loss"] for run in found[PLAIN]), default=None)
    for arm, done in found.items():
        yield from _losses(arm, done, limit) if done else ()
    for arm in METERED:
        yield from _tapes(arm, found[arm]) if found[arm] else ()


def _attempt(job: Job, arm: str, seed: int) -> dict[str, Any] | MeasurementError:
    """Train an arm; an error is returned, so that it ends no other training."""
    try:
        return trained(job, arm, seed)
    except MeasurementError as error:
        return error


def trained(job: Job, arm: str, seed: int) -> dict[str, Any]:
    """Train an arm, or return what an earlier run of the same setting has kept."""
    how = {"arm": arm, "setting": job.setting, "seed": seed, "device": job.device}
    asked = {**how, "sizes": job.at.values()}
    kept = None
    if job.folder is not None:
        kept = job.folder / f"{job.setting}-{job.device}-{arm.replace(', ', '-')}-{seed}.json"
        if kept.exists() and (known := json.loads(kept.read_text()))["asked"] == asked:
            return dict(known["found"])
    threads = 1 if job.trainers > 1 and job.device == "cpu" else 0
    found: dict[str, Any] = job.run(lm_train.train, threads=threads, **how)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"asked": asked, "found": found}))
    return found


def _losses(arm: str, runs: list[dict[str, Any]], limit: float | None) -> Iterator[Row]:
    """The target of a reversible arm: no worse, in the mean, than plain's worst seed."""
    losses = [run["loss"] for run in runs]
    mean = statistics.mean(losses)
    yield Row(f"validation loss, {arm}", mean, "nats", None if arm == PLAIN else limit)
    yield Row(f"its spread over {len(losses)} seeds, {arm}", max(losses) - min(losses), "nats")
    yield Row(f"perplexity, {arm}", math.exp(mean), "")


def _tapes(arm: str, runs: list[dict[str, Any]]) -> Iterator[Row]:
    tapes = [run["tape"] for run in runs]
    for account in ("written", "drawn", "net", "erased"):
        value = statistics.mean(tape[account] for tape in tapes)
        yield Row(f"tape, {account}, {arm}", value, "bits/token")
    net = statistics.mean(tape["net a valve"] for tape in tapes)
    error = math.sqrt(sum(tape["standard error"] ** 2 for tape in tapes)) / len(tapes)
    yield Row(f"net, {arm}", net, "bits/token/valve", BOUND + 2 * error if arm == BUDGET else None)
    yield Row(f"its standard error, {arm}", error, "bits/token/valve")
    if arm == BUDGET:
        charged = statistics.mean(tape["charged a valve"] for tape in tapes)
        yield Row(f"charged to the budget, {arm}", charged, "bits/token/valve", BOUND)
        for place, meter in enumerate(METERS):
            value = statistics.mean(run["throttles"][place] for run in runs)
            yield Row(f"throttle of {meter} at the end", value, "")
