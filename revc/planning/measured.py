"""What a step really holds at each segment, by the allocator, beside what was predicted."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from revc.planning.meter import marked_peaks
from revc.planning.step import train
from revc.planning.workspace import copies_of, device_of, untouched
from revc.runtime.model import ReversibleModel
from revc.runtime.run.snapshots import watched
from revc.runtime.schedule import Wish

At = tuple[int, bool]
"""A segment's position, behind the last the loss's, and whether it lies on the way back."""


def measured_peaks(
    model: ReversibleModel, values: Mapping[str, Tensor], schedule: Wish
) -> dict[At, int]:
    """Return the most bytes that a step holds in each segment's passes beside what was there.

    The step is run twice on copies of `values`, with gradients to add to; the model stays as it is.

    Raises:
        BindError: the inputs or the schedule do not fit.
    """
    copies, device = copies_of(values), device_of(values)
    with untouched(model, schedule):
        train(model, copies)  # first runs allocate what later ones find
        return _on_cuda(model, copies, device) if device.type == "cuda" else _on_cpu(model, copies)


def _on_cpu(model: ReversibleModel, values: Mapping[str, Tensor]) -> dict[At, int]:
    def note(position: int, what: str, _values: Sequence[Any]) -> None:
        if (at := _place(position, what)) is not None:
            with torch.profiler.record_function(f"{_MARK}{at[0]} {int(at[1])}"):
                pass

    def run() -> None:
        with watched(note), torch.enable_grad():
            train(model, values)

    found: dict[At, int] = {}
    for name, peak in marked_peaks(run, _MARK):
        words = name.removeprefix(_MARK).split()
        at = (int(words[0]), words[1] == "1") if words else (0, False)
        found[at] = max(found.get(at, 0), peak)
    return found


_MARK = "revc segment "


def _on_cuda(
    model: ReversibleModel, values: Mapping[str, Tensor], device: torch.device
) -> dict[At, int]:
    torch.cuda.synchronize(device)
    before, found = torch.cuda.memory_allocated(device), dict[At, int]()
    now: list[At] = [(0, False)]

    def close() -> None:
        torch.cuda.synchronize(device)
        peak = torch.cuda.max_memory_allocated(device) - before
        found[now[-1]] = max(found.get(now[-1], 0), peak)
        torch.cuda.reset_peak_memory_stats(device)

    def note(position: int, what: str, _values: Sequence[Any]) -> None:
        if (at := _place(position, what)) is not None:
            close()
            now.append(at)

    torch.cuda.reset_peak_memory_stats(device)
    with watched(note), torch.enable_grad():
        train(model, values)
    close()
    return found


def _place(position: int, what: str) -> At | None:
    """Return which moment begins where a run notes what it does; None where none does."""
    if what not in ("begin", "end", "back"):
        return None
    return position + (what == "end"), what == "back"
