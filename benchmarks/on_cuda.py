"""The meters of benchmarks/gpu.py, all in one process: arms on the device, one after the other."""

import gc
import hashlib
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from benchmarks.arms import Arm, build
from benchmarks.compiling import detects
from benchmarks.exactness import differing
from benchmarks.nets import Size

GIB = 2**30
BF16 = torch.bfloat16


def free() -> None:
    """Give back what earlier measurements held."""
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


def built(
    arm: str, size: Size, scale: float = 1.0, dtype: torch.dtype = BF16, compiled: bool = False
) -> Arm:
    """Return an arm on the device; with `compiled` its blocks run through torch.compile."""
    free()
    made = build(arm, size, scale, dtype, device="cuda")
    if compiled:
        made.compile_blocks()
    return made


def rebuilt(arm: str, size: Size, scale: float, dtype: torch.dtype) -> int:
    """Return how many elements of the inputs do not come back bit for bit."""
    return differing(built(arm, size, scale, dtype))


def wrong_rebuilds(arm: str, size: Size, scale: float, dtype: torch.dtype) -> int:
    """Return in how many of 3 compiled steps a rebuilt state was not the forward's."""
    made = built(arm, size, scale, dtype, compiled=True)
    return sum(detects(made) for _ in range(3))


def digests(arm: str, size: Size, dtype: torch.dtype) -> tuple[str, str]:
    """Return the SHA-256 of a fresh arm's outputs, and of the gradients of one step."""
    made = built(arm, size, 1.0, dtype)
    out = _digest(list(made.outputs()))
    made.step()
    return out, _digest([g for g in made.gradients() if g is not None])


def _digest(tensors: list[torch.Tensor]) -> str:
    state = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().contiguous().flatten().view(torch.uint8)
        state.update(flat.cpu().numpy().tobytes())
    return state.hexdigest()


@contextmanager
def deterministic() -> Iterator[None]:
    """Ask torch for deterministic algorithms alone."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def peak_mib(arm: str, size: Size, dtype: torch.dtype = BF16) -> float:
    """Return the most that a step allocates beside what was there before, gradients included."""
    made = built(arm, size, dtype=dtype)
    made.step()  # leaves gradients in place, so that they are part of what was there before
    before = torch.cuda.memory_allocated()
    return (_peak(made.step) - before) / 2**20


def _peak(step: Callable[[], None]) -> int:
    """Return the most bytes allocated while `step` runs."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


def warm(arm: str, size: Size, compiled: bool) -> Arm:
    """Return an arm in bf16 that has taken two steps."""
    made = built(arm, size, compiled=compiled)
    for _ in range(2):
        made.step()
    return made


def captured(step: Callable[[], None], leaves: list[torch.Tensor]) -> Callable[[], None]:
    """Return what replays a step as a CUDA graph: the device's time, without the host's."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    for leaf in leaves:
        leaf.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


@contextmanager
def card_of(gib: float) -> Iterator[None]:
    """Let torch allocate so much and no more, as on a smaller card."""
    free()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(gib * GIB / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def largest_batch(arm: str, size: Size, gib: float) -> int:
    """Return a batch whose step fits into `gib`, near the largest, and was seen to fit.

    Whole peaks at two batches give a line; where its end does not fit, some percent less is tried.
    """
    few, more = 4, 8
    low, high = (_whole_peak(arm, replace(size, batch=batch)) for batch in (few, more))
    guess = few + math.floor((gib * GIB - low) / ((high - low) / (more - few)))
    while guess >= 1:
        try:
            with card_of(gib):
                _whole_peak(arm, replace(size, batch=guess))
            return guess
        except torch.OutOfMemoryError:
            guess = int(guess * 0.95) if guess > 20 else guess - 1
    return 0


def _whole_peak(arm: str, size: Size) -> int:
    """Return all that a step which finds gradients in place allocates at most."""
    made = built(arm, size)
    for tensor in made.tensors():
        tensor.grad = torch.zeros_like(tensor)
    return _peak(made.step)


def tokens_per_second(arm: str, size: Size, batch: int, steps: int = 3) -> float:
    """Return the throughput of training steps of `batch` sequences, by their median."""
    made = built(arm, replace(size, batch=batch))
    return batch * size.time / median_seconds(made.step, steps)


def median_seconds(step: Callable[[], None], steps: int) -> float:
    """Return the median time of a step, after one that warms up."""
    step()
    times = []
    for _ in range(steps):
        torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def long_step(arm: str, size: Size) -> tuple[float, float]:
    """Return the peak of a step in GiB, all that is allocated, and its seconds.

    A short one warms up: a second long one would take too long.
    """
    built(arm, replace(size, time=1024)).step()
    made = built(arm, size)
    torch.cuda.synchronize()
    start = time.perf_counter()
    peak = _peak(made.step) / GIB
    return peak, time.perf_counter() - start


def joules(step: Callable[[], None], seconds: float = 2.0) -> float:
    """Return the energy of one step by NVML, the mean of as many as take `seconds`.

    Raises:
        RuntimeError: the device does not tell its energy.
    """
    import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    try:
        count = max(1, round(seconds / median_seconds(step, 3)))
        before = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        for _ in range(count):
            step()
        torch.cuda.synchronize()
        spent = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) - before
    except pynvml.NVMLError as error:
        raise RuntimeError(f"NVML: {error}") from error
    return spent / 1e3 / count


def tests_that_fail(folders: list[str]) -> int:
    """Exit status of the tests that need CUDA."""
    command = [sys.executable, "-m", "pytest", *folders]
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode
