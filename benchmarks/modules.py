"""Brought modules: memory and time beside checkpointing, and which classes are captured.

    make peers
    python -m benchmarks.modules [--json] [--only compiled]
        [--layers 8] [--dropout 0.1] [--rounds 5]

Peaks are the allocator's (revc/planning/meter.py) in S, bytes of one float32 stream. Those of Llama
layers are of a second micro-batch: gradients are there already, and what is added to them counts.
Times are process time, medians of rounds that take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks import classes, compiling, llama, measures
from benchmarks.rows import Row, as_json, print_table
from revc.planning.meter import trace

TORCH_NETS = {"revc lattice, torch nets": 16.1, "revc float, torch nets": 14.1}


def own_blocks(layers: int) -> Iterator[Row]:
    """Yield the peaks of training.py's network with torch modules."""
    for arm, target in TORCH_NETS.items():
        yield Row(f"{arm}, L = {layers}: peak", measures.peak(arm, layers) / 2**20, "S", target)


def compiled_blocks(layers: int) -> Iterator[Row]:
    """Yield the peaks of the same under torch.compile, whose target is that of built-in nets."""
    built_in = compiling.peak("revc lattice", layers) / 2**20
    yield Row(f"revc lattice, L = {layers}, compiled: peak", built_in, "S")
    mine = compiling.peak("revc lattice, torch nets", layers) / 2**20
    yield Row(f"revc lattice, torch nets, L = {layers}, compiled: peak", mine, "S", built_in)


def llama_layers(layers: int, rounds: int, dropout: float) -> Iterator[Row]:
    """Yield peaks and times of Llama layers, as ratios to checkpointing each layer."""
    values = llama.inputs()
    steps = {name: llama.step(make(layers, dropout), values) for name, make in llama.ARMS.items()}
    peaks: dict[str, float] = {}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for name, step in steps.items():
        step()
        peaks[name] = trace(step).peak / llama.STREAM
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(_seconds(step))
    base = "checkpointed"
    subject = f"Llama, L = {layers}" + (f", dropout {dropout:g}" if dropout else "")
    yield Row(f"{subject}, {base}: peak", peaks[base], "S")
    for name in steps:
        if name != base:
            known = name in ("revc float", "revc lattice")
            memory, lasts = (0.6, 1.1) if known else (None, None)
            title = f"{subject}, {name}"
            yield Row(f"{title}: peak beside checkpointing", peaks[name] / peaks[base], "x", memory)
            ratios = [mine / its for mine, its in zip(times[name], times[base], strict=True)]
            yield Row(f"{title}: time", statistics.median(ratios), "x", lasts)


def compiled_llama(layers: int) -> Iterator[Row]:
    """Yield how far the gradients of compiled Llama layers are from those of eager ones."""
    model, values = llama.reversible(layers, llama.LATTICE, 0.0), llama.inputs()
    whole = torch.compile(model, fullgraph=True, dynamic=False)
    leaves = [x for x in (*values, *model.parameters()) if x.requires_grad]
    found, wanted = (
        torch.autograd.grad(sum(x.square().sum() for x in tuple(call(*values))[:2]), leaves)
        for call in (whole, model)
    )
    pairs = zip(found, wanted, strict=True)
    worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
    yield Row(f"Llama, L = {layers}, compiled: gradients beside eager ones", worst, "", 1e-4)


def _seconds(step: Callable[[], None]) -> float:
    begun = time.process_time()
    step()
    return time.process_time() - begun


def zoo() -> Iterator[Row]:
    """Yield how many classes of modules are captured, and how many are wrong."""
    found = [classes.judge(name, make) for name, make in classes.every()]
    captured = sum(one.captured for one in found)
    notes = "; ".join(f"{one.name}: {one.why}" for one in found if not one.captured)
    share = captured / len(found)
    yield Row(f"captured, of {len(found)} classes", share, "", 34 / 40, notes, least=True)
    wrong = [one.name for one in found if one.wrong]
    yield Row("captured and wrong", len(wrong), "classes", 0, ", ".join(wrong))


def layered(options: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows of Llama layers for each depth and rate of dropout that is asked for."""
    for layers in options.layers:
        for dropout in options.dropout:
            yield from llama_layers(layers, options.rounds, dropout)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "classes": lambda _: zoo(),
    "blocks": lambda _: own_blocks(6),
    "compiled": lambda _: compiled_blocks(3),
    "compiled-llama": lambda _: compiled_llama(2),
    "llama": layered,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument(
        "--only", nargs="*", choices=PARTS, default=[*PARTS], help="which parts are measured (all)"
    )
    parser.add_argument("--layers", type=int, nargs="*", default=[8, 32], help="depths (8 32)")
    parser.add_argument(
        "--dropout", type=float, nargs="*", default=[0.0, 0.1], help="of attention weights (0 0.1)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="steps that are timed (5)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for part in options.only for row in PARTS[part](options)]
    if options.json:
        print(as_json(rows))
    else:
        print_table("brought modules", rows)


if __name__ == "__main__":
    main()
