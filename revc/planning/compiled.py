"""Plans of a model whose whole step torch.compile compiles: peaks are measured, not counted.

What compiled code holds nobody counts: compilers reuse memory and move operations. But what it
keeps of a segment is known, and so is in which order schedules use more: a *ladder* of schedules,
each the one of least recomputation at some memory by the costs of a step that is not compiled, from
inverting everywhere to keeping all. Their steps are compiled and measured, and halving finds the
highest rung within a budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from revc.passes.schedule.segments import TooLittleError, choose, least_memory
from revc.planning.costs import Costs, costs_of
from revc.planning.step import Steps, train
from revc.planning.watch import Watch
from revc.planning.workspace import peak_of, untouched
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import Schedule

RUNGS = 32
"""The most rungs of a ladder."""

_VERSIONS = 256
"""How many versions of a function Dynamo may keep: one a schedule that is measured."""


class Rung(NamedTuple):
    """A schedule, the ways of its segments by number, and the peak that costs say it has."""

    schedule: Schedule
    ways: tuple[int, ...]
    counted: int


def compiled_costs(model: ReversibleModel, values: Mapping[str, Tensor]) -> Costs:
    """Return the costs of what compiled code may keep of each segment of a run.

    It keeps values, and saves nothing else. Its backward pass is one graph, which holds the
    gradients that it has made to its end.
    """
    costs = costs_of(Steps(model, values))
    steps = model.steps(model.interface.measure(values))
    segments, made, seen = [], 0, set[int]()
    for cost, step in reversed(list(zip(costs.segments, steps, strict=True))):
        for parameter in step.segment.parameters():
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                made += parameter.nbytes
        ways = tuple(replace(way, backward=way.backward + made) for way in cost.ways[:-1])
        segments.append(replace(cost, ways=ways))
    return replace(
        costs,
        segments=segments[::-1],
        actions=[actions[:-1] for actions in costs.actions],
        again=[again[:-1] for again in costs.again],
    )


def ladder(costs: Costs) -> list[Rung]:
    """Return schedules that hold more and compute less, rung by rung."""
    least, _ = least_memory(costs.segments, costs.loss)
    most = choose(costs.segments, costs.loss, 1 << 62).peak
    nothing = (0,) * len(costs.segments)
    found = {nothing: least}
    for index in range(1, RUNGS + 1):
        target = least + (most - least) * index // RUNGS
        choice = choose(costs.segments, costs.loss, target)
        found.setdefault(choice.ways, choice.peak)
    rungs = [Rung(costs.schedule(ways), ways, peak) for ways, peak in found.items()]
    return sorted(rungs, key=lambda rung: -costs.operations(rung.ways))


def compiled_peak(model: ReversibleModel, values: Mapping[str, Tensor], schedule: Schedule) -> int:
    """Return the most bytes that a compiled step allocates at once under a schedule.

    The step is run three times, with gradients to add to; the model stays as it is.
    """
    copies = {
        name: value.detach().clone().requires_grad_(value.requires_grad)
        for name, value in values.items()
    }
    device = next((value.device for value in values.values()), torch.device("cpu"))
    limits = {"recompile_limit": _VERSIONS, "accumulated_recompile_limit": 4 * _VERSIONS}
    with untouched(model, schedule), torch._dynamo.config.patch(limits):
        run = torch.compile(model, fullgraph=True)
        for _ in range(2):  # first runs allocate what later ones find
            train(run, copies)  # type: ignore[arg-type]
        return peak_of(lambda: train(run, copies), device)  # type: ignore[arg-type]


def highest(
    model: ReversibleModel, values: Mapping[str, Tensor], rungs: Sequence[Rung], memory: int,
    peaks: dict[Schedule, int], watch: Watch,
) -> tuple[Rung, bool]:  # fmt: skip
    """Return the highest rung whose step holds at most `memory` bytes, and whether it was sought.

    What is measured is noted in `peaks`, and what stands there is not measured again.

    Raises:
        TooLittleError: the lowest rung does not.
    """

    def fits(at: int) -> bool:
        schedule = rungs[at].schedule
        if schedule not in peaks:
            watch.tell(f"measuring compiled step {len(peaks) + 1}", 0.3 + 0.7 * at / len(rungs))
            peaks[schedule] = compiled_peak(model, values, schedule)
        return peaks[schedule] <= memory

    low, high = 0, len(rungs) - 1
    if not fits(low):
        name = "the compiled step that inverts everywhere"
        raise TooLittleError(memory, peaks[rungs[low].schedule], name)
    if fits(high):
        return rungs[high], True
    while high - low > 1 and not watch.over:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    # A rung that was measured may be higher and hold less.
    fitting = [rung for rung in rungs if peaks.get(rung.schedule, memory + 1) <= memory]
    return fitting[-1], high - low <= 1
