"""What kernels hold themselves, and how long segments take, measured in each distinct segment."""

import statistics
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from revc.passes.schedule.stages import Stage
from revc.planning.modules.costs import Segment, add_gradients, nothing_saved
from revc.planning.modules.loss import loss
from revc.planning.modules.step import untouched
from revc.planning.modules.values import tensors
from revc.planning.workspace import peaks_of

ROUNDS = 5
"""How often a segment is timed; the median counts."""


def measured_stages(parts: Sequence[Segment], stages: Sequence[Stage], timed: bool) -> list[Stage]:
    """Return stages with what kernels hold themselves, and with times in seconds if `timed`.

    Inputs are zeros; gradients, buffers and random numbers are given back as they were.
    """
    known: dict[Hashable, Stage] = {}
    found = []
    for segment, stage in zip(parts, stages, strict=True):
        key = segment.key()
        if key not in known:
            known[key] = _measured(segment, stage, timed)
        found.append(replace(known[key], name=stage.name))
    return found


def _measured(segment: Segment, stage: Stage, timed: bool) -> Stage:
    with untouched(nn.ModuleList(segment.modules), _device(segment)):
        add_gradients(p for module in segment.modules for p in module.parameters())
        given = _inputs(segment.given)
        forward, backward = _workspace(segment, stage, given)
        stage = replace(
            stage,
            forward=stage.forward + forward,
            passing=stage.passing + forward,
            rerun=stage.rerun + forward if stage.rerun else 0,
            backward=stage.backward + backward,
            backward_held=stage.backward_held + backward,
        )
        return _timed(segment, stage, given) if timed else stage


def _workspace(segment: Segment, stage: Stage, given: Any) -> tuple[int, int]:
    """Return what the two passes hold beyond what is counted."""
    device = _device(segment)
    held = 0 if segment.first else sum(one.untyped_storage().nbytes() for one in tensors(given))
    out: list[Any] = []

    def forward() -> None:
        out.append(segment.run(given))

    def backward() -> None:
        _backward(out.pop(), segment.last)

    peaks_of(forward, backward, device)  # first runs allocate what later ones find
    ahead, back = (peak + held for peak in peaks_of(forward, backward, device))
    return max(0, ahead - stage.forward), max(0, back - stage.backward_held)


def _backward(out: Any, hold: bool) -> None:
    """Run backwards; `hold` keeps the result to the end, as the network's is."""
    end = loss(out)
    out = out if hold else None
    if end is not None:
        end.backward()


def _inputs(given: Any) -> Any:
    """Return zeros of the shapes that are given, with gradients to add to."""

    def made(one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        leaf = torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device=one.device)
        leaf = leaf.zero_().requires_grad_(one.requires_grad)
        add_gradients([leaf])
        return leaf

    return tree_map(made, given)


def _timed(segment: Segment, stage: Stage, given: Any) -> Stage:
    """Return a stage with the median times of its forward pass, and of that to its last save."""
    count = _saves(segment, given)
    whole = _median(lambda: segment.run(given), _device(segment))
    again = _median(lambda: _until(segment, given, count), _device(segment)) if count else 0.0
    return replace(stage, time=whole, rerun_time=min(whole, again))


def _median(run: Callable[[], object], device: torch.device) -> float:
    """Return the median seconds of a call; on the CPU the process's own."""
    taken = []
    for _ in range(ROUNDS):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            start = time.perf_counter()
            run()
            torch.cuda.synchronize(device)
            taken.append(time.perf_counter() - start)
        else:
            start = time.process_time()
            run()
            taken.append(time.process_time() - start)
    return statistics.median(taken)


class _Stopped(Exception):
    """A forward pass has saved its last tensor; internal to the measurement."""


def _saves(segment: Segment, given: Any) -> int:
    """Return how many tensors a forward pass saves."""
    found: list[None] = []
    with nothing_saved(lambda: found.append(None)):
        segment.run(given)
    return len(found)


def _until(segment: Segment, given: Any, count: int) -> None:
    """Run forwards up to the last tensor that is saved."""
    left = [count]

    def count_down() -> None:
        left[0] -= 1
        if not left[0]:
            raise _Stopped

    try:
        with nothing_saved(count_down):
            segment.run(given)
    except _Stopped:
        pass


def _device(segment: Segment) -> torch.device:
    found = [*tensors(segment.given), *(p for m in segment.modules for p in m.parameters())]
    return next((one.device for one in found if one.is_cuda), torch.device("cpu"))
