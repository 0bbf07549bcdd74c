"""The entropy coder's kernels on a GPU, beside the device's own copy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.rows import Row
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Distribution, FloatBits, Logistic, Table


def on_gpu(rounds: int) -> Iterator[Row]:
    """Push and pop in GB/s of raw data beside the device's own copy, and windows in us."""
    yield from window_rows(rounds)
    for size in (2 << 20, 16 << 20, 1 << 30):
        name = f"{size >> 20} MB"
        source = torch.empty(size, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        copy, _ = gpu_seconds(rounds, target.copy_, source)
        yield Row(f"GPU copy, {name}", 2 * size / copy / 1e9, "GB/s")
        table = Table.from_probabilities(2.0 ** (-torch.arange(256) / 24.0), dtype=torch.uint8)
        table = Table(table.freq.cuda(), dtype=torch.uint8)
        p = table.freq.double() / 65536
        data = torch.multinomial(p, 1 << 20, replacement=True).to(torch.uint8)
        data = data.repeat(size >> 20)[None]
        yield from gpu_rows(f"GPU bytes, {name}", data, table, rounds)
        values = torch.randn((1, size // 2), device="cuda", dtype=torch.bfloat16)
        yield from gpu_rows(
            f"GPU bf16, {name}", values, FloatBits(torch.bfloat16, device="cuda"), rounds
        )


def gpu_rows(name: str, data: Tensor, model: Distribution, rounds: int) -> Iterator[Row]:
    """Rates of one kind of data, after a check of the round trip."""
    lanes = max(1 << 10, min(1 << 18, data.numel() // 256))
    stack = BitStack(1, lanes, device="cuda")
    size = data.numel() * data.element_size()
    pushes, pops = [], []
    for _ in range(rounds):
        pushes.append(gpu_seconds(1, stack.push, data, model)[0])
        seconds, out = gpu_seconds(1, stack.pop, model, data.shape)
        pops.append(seconds)
        same = torch.equal(out.view(torch.uint8), data.view(torch.uint8))
        if not same or not bool(stack.untouched().all()):
            raise RuntimeError(f"{name}: the round trip failed")
    yield Row(f"{name}, push", size / min(pushes) / 1e9, "GB/s")
    yield Row(f"{name}, pop", size / min(pops) / 1e9, "GB/s")


def gpu_seconds(rounds: int, call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Best device time of a call, and its last result."""
    best, result = math.inf, None
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        result = call(*arguments)
        end.record()
        torch.cuda.synchronize()
        best = min(best, start.elapsed_time(end) / 1e3)
    return best, result


def window_rows(rounds: int) -> Iterator[Row]:
    """Time of a valve's push and pop: 32 sequences of 16,384 logistic windows, on the grid."""
    shape = (32, 1 << 14)
    loc = torch.randint(-(1 << 16), 1 << 16, shape, device="cuda")
    scale = torch.randint(20, 90, shape, device="cuda", dtype=torch.uint8)
    model = Logistic.from_grid(loc, scale)
    for lanes in (32, 512):
        stack = BitStack(32, lanes, device="cuda")
        times: dict[str, list[float]] = {"draw": [], "push": []}
        for _ in range(rounds + 1):
            seconds, drawn = gpu_seconds(1, stack.pop, model, shape)
            times["draw"].append(seconds)
            times["push"].append(gpu_seconds(1, stack.push, drawn, model)[0])
            if not bool(stack.untouched().all()):
                raise RuntimeError("the round trip of windows failed")
        for name, taken in times.items():
            yield Row(f"GPU windows, {lanes} lanes, {name}", min(taken) * 1e6, "us")
