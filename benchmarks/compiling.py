"""The arms under torch.compile: whether they compile, how long it takes, how fast they then are."""

import torch

from benchmarks.arms import Arm, build
from benchmarks.exactness import differing
from benchmarks.measures import take_turns, timed_step
from benchmarks.nets import Size


def built_compiled(name: str, layers: int) -> Arm:
    """Return an arm whose module is compiled as one graph; nothing is compiled yet."""
    torch._inductor.config.force_disable_caches = True  # each compilation is a first one
    arm = build(name, Size(layers))
    arm.compile()
    return arm


def compile_seconds(arm: str, layers: int) -> float:
    """Return what the first compiled step takes, less what the second takes."""
    built = built_compiled(arm, layers)
    first, second = timed_step(built), timed_step(built)
    return first - second


def step_seconds(arms: list[str], layers: int, rounds: int) -> dict[str, list[float]]:
    """Return each compiled arm's step times, taking turns."""
    return take_turns({name: built_compiled(name, layers) for name in arms}, rounds)


def rebuilt(arm: str, layers: int) -> int:
    """Return how many input elements the inverse of a compiled forward pass does not give back."""
    return differing(built_compiled(arm, layers))
