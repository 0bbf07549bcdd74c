"""The arms under torch.compile: whether they compile, how long it takes, how fast they then are."""

import time

import torch

from benchmarks.arms import Arm, build
from benchmarks.measures import take_turns
from benchmarks.nets import Size
from revc.errors import ReconstructionError
from revc.planning.meter import trace


def built_compiled(name: str, layers: int) -> Arm:
    """Return an arm whose module is compiled as one graph; nothing is compiled yet."""
    torch._inductor.config.force_disable_caches = True  # each compilation is a first one
    arm = build(name, Size(layers))
    arm.compile()
    return arm


def built_by_blocks(name: str, layers: int) -> Arm:
    """Return an arm whose blocks are compiled one by one; nothing is compiled yet."""
    torch._inductor.config.force_disable_caches = True
    arm = build(name, Size(layers))
    arm.compile_blocks()
    return arm


def compile_seconds(arm: str, layers: int, blocks: bool = False) -> float:
    """Return the time from the first compiled step's start to its end, less that of the second."""
    built = built_by_blocks(arm, layers) if blocks else built_compiled(arm, layers)
    times = []
    for _ in range(2):
        start = time.perf_counter()  # the compiler's own processes count too
        built.step()
        times.append(time.perf_counter() - start)
    return times[0] - times[1]


def step_seconds(
    arms: list[str], layers: int, rounds: int, blocks: bool = False
) -> dict[str, list[float]]:
    """Return each compiled arm's step times, taking turns."""
    made = built_by_blocks if blocks else built_compiled
    return take_turns({name: made(name, layers) for name in arms}, rounds)


def peak(arm: str, layers: int) -> int:
    """Return the most bytes that a compiled step holds, as `measures.peak` counts them."""
    torch._dynamo.reset()
    built = built_compiled(arm, layers)
    for _ in range(2):  # what is built once is not the step's
        built.step()
    built.reset()
    return trace(built.step, built.gradients).peak


def wrong_rebuilds(arm: str, layers: int, steps: int = 3) -> int:
    """Return in how many compiled steps a rebuilt state was not the forward's, by its checksum."""
    built = built_compiled(arm, layers)
    return sum(detects(built) for _ in range(steps))


def detects(arm: Arm) -> bool:
    """Run a step; say whether its rebuilt state was not the forward's."""
    try:
        arm.step()
    except ReconstructionError:
        return True
    return False
