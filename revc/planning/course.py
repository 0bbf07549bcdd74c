"""What a compiled step holds as it goes: its code is one graph a pass, which no segment cuts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from revc.planning.meter import Held, marked_courses
from revc.planning.step import train
from revc.planning.workspace import copies_of, device_of, untouched
from revc.report.charts import thin
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import Schedule

_VERSIONS = 256
"""How many versions of a function Dynamo may keep: one a schedule that is measured."""
_MARK = "revc pass "

Points = tuple[tuple[float, int], ...]
"""Shares of the time of a pass, from 0 to 1, and bytes held then."""


@dataclass(frozen=True)
class Course:
    """The bytes that a step holds in its forward pass, and from the loss on, beside what was there.

    Of many points those stay that hold most of their neighbours. On CUDA each pass has its most
    alone, at both its ends.
    """

    forward: Points
    backward: Points

    @property
    def peaks(self) -> tuple[int, int]:
        """The most bytes of either pass."""
        forward, backward = (max((y for _, y in one), default=0) for one in self._passes)
        return forward, backward

    @property
    def peak(self) -> int:
        """The most bytes held at once."""
        return max(self.peaks)

    @property
    def _passes(self) -> tuple[Points, Points]:
        return self.forward, self.backward


def compiled_peak(model: ReversibleModel, values: Mapping[str, Tensor], schedule: Schedule) -> int:
    """Return the most bytes that a compiled step allocates at once under a schedule."""
    return compiled_course(model, values, schedule).peak


def compiled_course(
    model: ReversibleModel, values: Mapping[str, Tensor], schedule: Schedule
) -> Course:
    """Return what a compiled step holds under a schedule.

    The step is run three times, with gradients to add to; the model stays as it is.
    """
    copies, device = copies_of(values), device_of(values)
    limits = {"recompile_limit": _VERSIONS, "accumulated_recompile_limit": 4 * _VERSIONS}
    with untouched(model, schedule), torch._dynamo.config.patch(limits):
        run = torch.compile(model, fullgraph=True)
        for _ in range(2):  # first runs allocate what later ones find
            train(run, copies)  # type: ignore[arg-type]
        return _on_cuda(run, copies, device) if device.type == "cuda" else _on_cpu(run, copies)


def _on_cpu(run: Any, values: Mapping[str, Tensor]) -> Course:
    def forward(**given: Tensor) -> Any:
        with torch.profiler.record_function(f"{_MARK}forward"):
            pass
        out = run(**given)
        with torch.profiler.record_function(f"{_MARK}backward"):
            pass
        return out

    courses = marked_courses(lambda: train(forward, values), _MARK)  # type: ignore[arg-type]
    return Course(*(_shares(course) for name, course in courses if name))


def _shares(course: list[Held]) -> Points:
    if not course:
        return ()
    start, end = course[0][0], course[-1][0]
    x, y = thin([(at - start) / max(1, end - start) for at, _ in course], [b for _, b in course])
    return tuple((share, round(held)) for share, held in zip(x, y, strict=True))


def _on_cuda(run: Any, values: Mapping[str, Tensor], device: torch.device) -> Course:
    torch.cuda.synchronize(device)
    before, peaks = torch.cuda.memory_allocated(device), list[int]()

    def close() -> None:
        torch.cuda.synchronize(device)
        peaks.append(torch.cuda.max_memory_allocated(device) - before)
        torch.cuda.reset_peak_memory_stats(device)

    def forward(**given: Tensor) -> Any:
        out = run(**given)
        close()
        return out

    torch.cuda.reset_peak_memory_stats(device)
    train(forward, values)  # type: ignore[arg-type]
    close()
    return Course(*(((0.0, peak), (1.0, peak)) for peak in peaks))
