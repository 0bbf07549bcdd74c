"""Plans of a model: what a step holds and computes under them, beside plain and checkpointing.

    python -m benchmarks.schedule_models [--json] [--layers 24] [--budgets 10] [--rounds 7]
                                        [--peers NAMES]

The network is that of benchmarks/training.py. Peaks are the allocator's (revc/planning/meter.py),
of a forward pass and a backward pass from gradients of the results' sizes, with gradients of the
parameters that are there already, which is what `revc.plan` predicts. Inputs want no gradient.
Operations are counted: matrix products and attention. Peers are those of
benchmarks/schedule_peers.py: a plan is given the peak of each, and budgets below, where it stands
beside the one of least operations that fits. Times are processor times of steps in pairs, medians.
S is one stream, 1 MiB.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

import revc
from benchmarks.arms import Arm, build
from benchmarks.flops import FlopCounter
from benchmarks.nets import Size
from benchmarks.rows import Row, as_json, print_table
from benchmarks.schedule_peers import peers, trained
from revc.passes.schedule.segments import TooLittleError
from revc.planning.chunks import in_chunks
from revc.planning.meter import trace
from revc.planning.plan import Planned
from revc.planning.step import fake_step, pull
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
    return trained(build(name, size))


def measured(arm: Arm) -> int:
    """Return the peak of a step once gradients are there, in bytes."""
    step(arm)
    return trace(lambda: step(arm)).peak


def step(arm: Arm) -> None:
    """Run a step, as `revc.plan` takes it to be: what the forward pass gave is held to the end."""
    out = arm.call()
    pull([*out])


def operations(arm: Arm) -> int:
    """Return the counted operations of a step."""
    with FlopCounter() as counter:
        step(arm)
    return counter.total


def paired(arm: Arm, peer: Arm, rounds: int) -> float:
    """Return the median ratio of the processor times of two arms' steps, run in turns."""
    return statistics.median(one / other for one, other in times(arm, peer, rounds))


def times(arm: Arm, peer: Arm, rounds: int) -> Iterator[tuple[float, float]]:
    """Yield the processor times of two arms' steps, which are run in turns, once to warm up."""
    for index in range(rounds + 1):
        found = []
        for one in (arm, peer):
            start = time.process_time()
            step(one)
            found.append(time.process_time() - start)
        if index:
            yield found[0], found[1]


@dataclass(frozen=True)
class Peer:
    """An arm, its peak in bytes and its operations as a multiple of plain's."""

    name: str
    arm: Arm
    peak: int
    work: float


def measured_peers(size: Size, only: Container[str] | None = None) -> list[Peer]:
    """Return the peers of a size, plain first; all, or those of some names."""
    found: list[Peer] = []
    for name, arm in peers(size):
        if only is not None and name != "plain" and name not in only:
            continue
        work = operations(arm)
        found.append(Peer(name, arm, measured(arm), work))
    return [replace(one, work=one.work / found[0].work) for one in found]


def rows(layers: int, count: int, rounds: int, only: Container[str] | None = None) -> Iterator[Row]:
    """The plans at the peaks of others, a little below, and at budgets between least and most."""
    size = Size(layers)
    others = measured_peers(size, only)
    for one in others:
        yield Row(f"{one.name}, peak", one.peak / STREAM, "S")
        yield Row(f"{one.name}, operations", one.work, "x plain")
    arm, model, values = made("revc lattice", size)
    known = revc.plan(model, memory="1TiB", inputs=values)
    least, most = (known.costs.steps(way).peak + known.workspace for way in ("invert", "save"))
    yield Row("revc, least peak", least / STREAM, "S")
    for one in others:
        yield from at_peer(one, Planner(arm, model, values, known), rounds)
    yield from smaller(others, Planner(arm, model, values, known), least)
    if rounds:
        yield from saving(size, others[0].arm, rounds)
    del others
    yield from falling(Planner(arm, model, values, known), least, most, count)


@dataclass(frozen=True)
class Planner:
    """An arm of revc, its model and inputs, and a plan that others start from."""

    arm: Arm
    model: ReversibleModel
    values: Mapping[str, Tensor]
    known: Planned

    def plan(self, memory: int) -> Planned:
        """Return the plan for a budget, which the model follows from now on."""
        found = revc.plan(self.model, memory=memory, inputs=self.values, known=self.known)
        self.model.schedule = found.schedule
        return found


def ratio(planned: Planned) -> float:
    """Return the operations of a plan's step as a multiple of those of one that saves all."""
    return 1 + planned.flops / planned.costs.flops


def at_peer(one: Peer, planner: Planner, rounds: int) -> Iterator[Row]:
    """The plan that is given a peer's peak, beside it."""
    name = f"at the peak of {one.name}"
    try:
        planned = planner.plan(one.peak)
    except TooLittleError as error:
        yield Row(f"{name}, operations", None, "x plain", one.work, note=str(error))
        return
    yield Row(f"{name}, peak", measured(planner.arm) / one.peak, "of it", 1.0)
    yield Row(f"{name}, operations", ratio(planned), "x plain", one.work)
    if rounds:
        yield Row(f"{name}, time", paired(planner.arm, one.arm, rounds), "x its", 1.0)


def smaller(others: Sequence[Peer], planner: Planner, least: int) -> Iterator[Row]:
    """Plans at budgets below per-block checkpointing's peak, beside the best peer that fits.

    Where that is none of the peers, below twice the least.
    """
    most = next((one.peak for one in others if one.name == "checkpoint"), 2 * least)
    for share in (0.75, 0.5, 0.25, 0.0):
        memory = least + round((most - least) * share)
        fits = [one for one in others if one.peak <= memory]
        best = min(fits, key=lambda one: one.work, default=None)
        target = None if best is None else best.work
        name = f"{memory / STREAM:.1f} S, beside {'no peer' if best is None else best.name}"
        planned = planner.plan(memory)
        yield Row(f"{name}, peak", measured(planner.arm) / memory, "of it", 1.0)
        yield Row(f"{name}, operations", ratio(planned), "x plain", target)


def saving(size: Size, plain: Arm, rounds: int) -> Iterator[Row]:
    """What a step costs that saves everything: of lattice and float state, and of small tensors.

    The host's part does not grow with tensors: Python calls the operators of a segment's graphs one
    by one, where plain autograd's backward pass is C++.
    """
    small = replace(size, batch=1, time=16, width=64)
    for name in ("revc lattice", "revc float"):
        arm, model, _ = made(name, size)
        model.schedule = "save"
        yield Row(f"{name}, everything saved, time", paired(arm, plain, rounds), "x plain")
        arm, model, _ = made(name, small)
        model.schedule = "save"
        more = extra(arm, built("plain", small), 3 * rounds)
        yield Row(f"{name}, small tensors, time more than plain's", 1e3 * more, "ms a step")


def extra(arm: Arm, peer: Arm, rounds: int) -> float:
    """Return the median of how many seconds of processor time an arm's step takes longer."""
    return statistics.median(one - other for one, other in times(arm, peer, rounds))


def falling(planner: Planner, least: int, most: int, count: int) -> Iterator[Row]:
    """Plans at budgets between the least and the most: peaks beside budgets and predictions.

    A prediction is what is counted, with what kernels held in the step that others start from.
    """
    over, off, rises, last = 0.0, 0.0, 0, 0
    for index in range(count):
        memory = least + (most - least) * index // (count - 1)
        planned = planner.plan(memory)
        found = measured(planner.arm)
        predicted = planned.costs.steps(planned.schedule).peak + planner.known.workspace
        over, off = max(over, found / memory), max(off, abs(predicted / found - 1))
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
    parser.add_argument("--peers", help="beside plain: checkpoint,checkpoint each net (all)")
    options = parser.parse_args()
    only = None if options.peers is None else options.peers.split(",")
    found = list(rows(options.layers, options.budgets, options.rounds, only))
    found += chunked() if only is None else []
    if options.json:
        print(as_json(found))
    else:
        print_table(f"plans of a model, L = {options.layers}", found)


if __name__ == "__main__":
    main()
