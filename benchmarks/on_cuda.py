"""The meters of benchmarks/gpu.py; each is called in a process of its own."""

import subprocess
import sys

import torch

from benchmarks.arms import Arm, build
from benchmarks.compiling import detects
from benchmarks.exactness import differing
from benchmarks.measures import take_turns, timed_step
from benchmarks.nets import Size


def _built(arm: str, size: list[int], compiled: bool, scale: float, dtype: str) -> Arm:
    made = build(arm, Size(*size), scale, getattr(torch, dtype), device="cuda")
    if compiled:
        made.compile()
    return made


def rebuilt(arm: str, size: list[int], scale: float = 1.0, dtype: str = "float32") -> int:
    """Return how many elements of the inputs do not come back bit for bit."""
    return differing(_built(arm, size, False, scale, dtype))


def wrong_rebuilds(arm: str, size: list[int], steps: int = 3) -> int:
    """Return in how many compiled steps a rebuilt state was not the forward's, by its checksum."""
    made = _built(arm, size, True, 1.0, "float32")
    return sum(detects(made) for _ in range(steps))


def peak_mib(arm: str, size: list[int]) -> float:
    """Return the most that a step allocates beside what was there before, gradients included."""
    made = _built(arm, size, False, 1.0, "float32")
    made.step()  # leaves gradients in place, so that they are part of what was there before
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    made.step()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def step_seconds(
    arms: list[str], size: list[int], rounds: int, compiled: bool
) -> dict[str, list[float]]:
    """Return each arm's step times, the arms taking turns."""
    made = {name: _built(name, size, compiled, 1.0, "float32") for name in arms}
    return take_turns(made, rounds)


def compile_seconds(arm: str, size: list[int]) -> float:
    """Return what the first compiled step takes, less what the second takes."""
    made = _built(arm, size, True, 1.0, "float32")
    return timed_step(made) - timed_step(made)


def coder_rates(rounds: int) -> list[tuple[str, float | None, str]]:
    """Name, value and unit of the coder's rates beside the device's own copy."""
    from benchmarks.coder_gpu import on_gpu

    return [(row.name, row.value, row.unit) for row in on_gpu(rounds)]


def coder_faults() -> int:
    """Exit status of the coder's tests on CUDA: tapes equal to the CPU's byte for byte."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/bits/test_cuda.py"]
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode
