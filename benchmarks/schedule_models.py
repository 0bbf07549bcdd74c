"""Plans of a model: what a step holds and computes under them, beside plain and checkpointing.

    python -m benchmarks.schedule_models [--json] [--layers 24] [--budgets 10] [--rounds 7]

The network is that of benchmarks/training.py. Peaks are the allocator's (revc/planning/meter.py),
of a forward pass and the backward pass of the sum of its results, with gradients of the parameters
that are there already, which is what `revc.plan` predicts. Inputs want no gradient, and the loss's
takes no memory. Operations are counted: matrix products and attention. Times are ratios of pairs of
steps. S is one stream, 1 MiB.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

import revc
from benchmarks.arms import Arm, build
from benchmarks.flops import FlopCounter
from benchmarks.nets import Size
from benchmarks.rows import Row, as_json, print_table
from revc.planning.chunks import in_chunks
from revc.planning.meter import trace
from revc.planning.step import fake_step
from revc.runtime.chunks import Chunks
from revc.runtime.model import ReversibleModel

STREAM = 1 << 20


def made(name: str, size: Size) -> tuple[Arm, ReversibleModel, dict[str, Tensor]]:
    """Return an arm of revc, its model, and its inputs by name."""
    arm = built(name, size)
    assert isinstance(arm.module, ReversibleModel)
    return arm, arm.module, dict(zip("ab", arm.leaves, strict=True))


def built(name: str, size: Size) -> Arm:
    """Return an arm whose inputs want no gradient, as those of a network that is trained."""
    arm = build(name, size)
    for leaf in arm.leaves:
        leaf.requires_grad_(False)
    return arm


def measured(arm: Arm) -> int:
    """Return the peak of a step once gradients are there, in bytes."""
    step(arm)
    return trace(lambda: step(arm)).peak


def step(arm: Arm) -> None:
    """Run a step, as `revc.plan` takes it to be."""
    out = arm.outputs()
    torch.autograd.backward(out, [torch.ones(()).expand_as(value) for value in out])


def operations(arm: Arm) -> int:
    """Return the counted operations of a step."""
    with FlopCounter() as counter:
        step(arm)
    return counter.total


def paired(arm: Arm, peer: Arm, rounds: int) -> float:
    """Return the median ratio of the processor times of two arms' steps, run in turns."""
    found = []
    for _ in range(rounds):
        times = []
        for one in (arm, peer):
            start = time.process_time()
            step(one)
            times.append(time.process_time() - start)
        found.append(times[0] / times[1])
    return statistics.median(found)


def rows(layers: int, count: int, rounds: int) -> Iterator[Row]:
    """The plans at the peaks of others, a little below, and at budgets between least and most."""
    size = Size(layers)
    arms = {name: built(name, size) for name in ("plain", "selective checkpoint", "checkpoint")}
    peaks = {name: measured(arm) for name, arm in arms.items()}
    work = {name: operations(arm) for name, arm in arms.items()}
    for name, peak in peaks.items():
        yield Row(f"{name}, peak", peak / STREAM, "S")
        yield Row(f"{name}, operations", work[name] / work["plain"], "x plain")
    arm, model, values = made("revc lattice", size)
    known = revc.plan(model, memory="1TiB", inputs=values)
    least, most = (known.costs.steps(way).peak + known.workspace for way in ("invert", "save"))
    yield Row("revc, least peak", least / STREAM, "S")
    budgets = {f"at the peak of {name}": (peak, work[name]) for name, peak in peaks.items()}
    budgets["at 3/4 of checkpoint's"] = (3 * peaks["checkpoint"] // 4, work["checkpoint"])
    for name, (memory, others) in budgets.items():
        known = planned = revc.plan(model, memory=memory, inputs=values, known=known)
        model.schedule = planned.schedule
        yield Row(f"{name}, peak", measured(arm) / memory, "of it", 1.0)
        ratio = 1 + planned.flops / planned.costs.flops
        yield Row(f"{name}, operations", ratio, "x plain", others / work["plain"])
        peer = arms.get(name.removeprefix("at the peak of "))
        if peer is not None and rounds:
            yield Row(f"{name}, time", paired(arm, peer, rounds), "x its", 1.0)
    del arms
    over, off, rises, last = 0.0, 0.0, 0, 0
    for index in range(count):
        memory = least + (most - least) * index // (count - 1)
        planned = revc.plan(model, memory=memory, inputs=values, known=known)
        model.schedule = planned.schedule
        found = measured(arm)
        over, off = max(over, found / memory), max(off, abs(planned.peak / found - 1))
        rises, last = rises + (found < last), found
    yield Row(f"{count} budgets, the largest peak", over, "of its budget", 1.0)
    yield Row(f"{count} budgets, prediction off by at most", 100 * off, "%", 3.0)
    yield Row(f"{count} budgets, peaks that rise as they fall", rises, "budgets", 0)


def chunked() -> Iterator[Row]:
    """The least peak with chunks, by a step without numbers; at the first depth, measured too."""
    for layers in (6, 24, 48):
        arm, model, values = made("revc lattice", Size(layers))
        for chunks in (Chunks(4), Chunks(4, 2)):
            twin = in_chunks(model, chunks)
            name = f"chunks = {chunks}, L = {layers}, least peak"
            target = 10.0 if chunks.sequence > 1 else None
            yield Row(name, fake_step(twin, values, "invert").peak / STREAM, "S", target)
            if layers == 6:
                held = measured(replace(arm, module=twin, call=partial(twin, **values)))
                yield Row(f"{name}, measured", held / STREAM, "S", target)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--layers", type=int, default=24, help="of the network (24)")
    parser.add_argument("--rounds", type=int, default=7, help="of steps that are timed (7)")
    parser.add_argument("--budgets", type=int, default=10, help="between least and most (10)")
    options = parser.parse_args()
    found = [*rows(options.layers, options.budgets, options.rounds), *chunked()]
    if options.json:
        print(as_json(found))
    else:
        print_table(f"plans of a model, L = {options.layers}", found)


if __name__ == "__main__":
    main()
