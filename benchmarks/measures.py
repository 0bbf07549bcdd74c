"""The meters of the training benchmark; each is called in a process of its own."""

import statistics
import time
from typing import Any

import torch

from benchmarks.arms import Arm, build
from benchmarks.flops import FlopCounter
from benchmarks.nets import Size
from revc.planning.meter import trace

VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    ", weights x4": {"scale": 4.0},
    ", bf16 nets": {"dtype": "bfloat16"},
}


def peak(arm: str, layers: int) -> int:
    """Return the most bytes that a step holds, less parameters, inputs and their gradients."""
    built = build(arm, Size(layers))
    built.step()  # what is built once, such as tables, is not the step's
    built.reset()
    return trace(built.step, built.gradients).peak


def excess(arm: str, layers: int) -> float:
    """Return what a second micro-batch's peak is over the first's and one layer's gradients.

    The first starts without gradients, which do not count; the second adds to them.
    """
    built = build(arm, Size(layers))
    built.step()
    built.reset()
    first = trace(built.step, built.gradients).peak
    layer = sum(w.numel() * w.element_size() for w in built.weights) / layers
    return trace(built.step).peak / (first + layer)


def flops(arm: str, layers: int) -> int:
    """Return the floating-point operations of a step's matrix products."""
    built = build(arm, Size(layers))
    with FlopCounter() as counter:
        built.step()
    return counter.total


def step_seconds(arms: list[str], layers: int, rounds: int) -> dict[str, list[float]]:
    """Return each arm's step times, taking turns."""
    return take_turns({name: build(name, Size(layers)) for name in arms}, rounds)


def take_turns(arms: dict[str, Arm], rounds: int) -> dict[str, list[float]]:
    """Time the arms' steps in turns, so that a slow spell of the machine hits them alike."""
    for arm in arms.values():
        timed_step(arm)
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, arm in arms.items():
            times[name].append(timed_step(arm))
    return times


def timed_step(arm: Arm) -> float:
    """Return the seconds of a step that starts without gradients.

    On the CPU they are the process's own, of all its threads, so that other load counts less.
    """
    arm.reset()
    if not arm.leaves[0].is_cuda:
        start = time.process_time()
        arm.step()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    arm.step()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def ratio(times: dict[str, list[float]], arm: str, base: str) -> float:
    """Return the median over the rounds of an arm's time over another's in the same round."""
    pairs = zip(times[arm], times[base], strict=True)
    return statistics.median(own / other for own, other in pairs)
