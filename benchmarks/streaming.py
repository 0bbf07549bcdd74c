"""A training step whose tape streams to host memory, beside one whose tape stays on the device."""

import statistics
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from benchmarks.lm_arms import Reversible, build
from benchmarks.lm_measures import batch, timed
from benchmarks.lm_setting import SETTINGS, VALVES, Setting
from benchmarks.measures import ratio
from benchmarks.rows import Row
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.spill import HostSpill

MIB = 2**20
TARGET = 1.1
"""Of a step that streams, beside one that does not."""
WAYS = {"kept": None, "streamed": "host"}


def made(at: Setting, device: str, spill: str | None) -> Reversible:
    """Return the language model with valves over its whole width, which write raw bits.

    It has run once: tables and kernels are made, and what streaming pins is pinned.
    """
    model = build(VALVES, replace(at, channels=at.width), device=device)
    assert isinstance(model, Reversible)
    model.model.bits.mode, model.model.bits.spill = "audit", spill
    timed(model, batch(at, device))
    return model


def tape(model: Reversible, inputs: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """MiB of a run's tape after the forward pass: all of it, and what the device holds."""
    stack = model.model(*inputs).run.session.stacks["tape"]
    store = stack.engine.spill
    held = stack.engine.state.words.nbytes
    held += store.on_device() if isinstance(store, HostSpill) else 0
    return float(stack.physical().sum()) / UNIT / 8 / MIB, held / MIB


def rows(setting: str, device: str) -> Iterator[Row]:
    """What of a tape is left on the device, and step times, the two ways taking turns."""
    at = SETTINGS[setting]
    inputs = batch(at, device)
    models = {name: made(at, device, spill) for name, spill in WAYS.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(at.rounds):
        for name, model in models.items():
            times[name].append(timed(model, inputs))
    for name, model in models.items():
        whole, held = tape(model, inputs)
        yield Row(f"tape of a step, {name}", whole, "MiB")
        yield Row(f"tape left on the device, {name}", held, "MiB")
        yield Row(f"step, tape {name}", statistics.median(times[name]) * 1e3, "ms")
    yield Row("step, tape streamed", ratio(times, "streamed", "kept"), "x kept", TARGET)
