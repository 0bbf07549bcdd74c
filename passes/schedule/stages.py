"""A chain whose segments were looked into: modules of a network, whose bytes are known by step.

The abstract chain takes every backward pass to want its input. Here it is known what each segment
keeps of its input and of its output, what is held at most in each of its passes, and up to where a
re-run goes: torch's ends with the last tensor that is saved. Plans and their units are the same,
and so is what finds them.

What is kept of x_{i-1} belongs to the unit of segment i, whoever keeps it. Where segment i - 1
keeps it for itself and lies in a group, that is too much; never too little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum

import numpy as np

from revc.passes.schedule.arcs import Arc, Arcs, Groups, Ints
from revc.passes.schedule.plan import Action, Plan, Unit
from revc.passes.schedule.simulate import Step, Trace


@dataclass(frozen=True)
class Stage:
    """One segment, y = f(x): bytes that its passes hold, x and y and their gradients among them.

    Attributes:
        name: what tables and errors call it.
        out: the bytes of y.
        resid: kept for its backward pass, x and y not counted.
        keeps_in, keeps_out: the bytes of x and of y that are kept for it.
        forward: the most that its forward pass holds, saving.
        passing: the same where nothing is saved.
        rerun: the same up to the last tensor that is saved.
        backward: the most that its backward pass holds.
        backward_held: the same if somebody else holds x to its end.
        ahead: what its backward pass holds before it asks for anything saved, that not counted.
        replay: bytes that a group keeps to run this segment again: buffers that it changes.
        time, rerun_time: of its forward pass, and of that up to the last tensor saved.
    """

    name: str
    out: int
    resid: int
    keeps_in: int
    keeps_out: int
    forward: int
    passing: int
    rerun: int
    backward: int
    backward_held: int
    ahead: int
    replay: int
    time: float
    rerun_time: float


@dataclass(frozen=True)
class Coding:
    """What a segment's residuals take as codes.

    Attributes:
        kept: bytes of the codes, and of what is not coded.
        space: bytes while they are made or read, beside what the passes hold.
        time: of coding and decoding.
    """

    kept: int
    space: int
    time: float


@dataclass(frozen=True)
class Extras:
    """What a chain of stages has besides them.

    Attributes:
        given: bytes of the network's input that are a step's own; 0 where the caller holds it.
        group: bytes that every group keeps, and holds once more while it runs again.
        bandwidth: bytes a unit of time to the host or back; None for no OFFLOAD.
    """

    given: int = 0
    group: int = 0
    bandwidth: float | None = None


class StageArcs(Arcs):
    """The arcs of a chain of stages. The result of the last is held until the end of a step."""

    def __init__(
        self, stages: Sequence[Stage], extras: Extras, codings: Mapping[int, Coding] | None = None
    ) -> None:
        """Take stages, and for some, by number from 1, what they take as codes."""
        self.stages, self.extras, self.count = tuple(stages), extras, len(stages)
        self.codings = codings or {}
        outs = [extras.given, *(one.out for one in stages)]
        self.size = np.array(outs, np.int64)
        self.base = fsum(one.time for one in stages)
        self.tail, self.final = outs[-1], 2 * outs[-1]
        self.border = _borders(outs, self.stages)
        self._sums()

    def _sums(self) -> None:
        """Sum what groups keep, and what their steps hold, so that a group takes no loop."""
        resid = _summed(one.resid for one in self.stages)
        border = _summed(self.border)
        # Before segment j of a group from k: _before[j-1] - _start[k-1], and x_{k-1}.
        self._before = resid + border
        self._start = resid + np.append(border[1:], border[-1])
        self._replay = _summed(one.replay for one in self.stages)
        self._forward, self._passing, self._held = (
            np.array([getattr(one, name) for one in self.stages], np.int64)
            for name in ("forward", "passing", "backward_held")
        )
        self._backward = np.array([self.backward(j) for j in range(1, self.count + 1)], np.int64)

    def backward(self, j: int) -> int:
        """Return the most that a backward pass holds behind a segment of the same way."""
        one = self.stages[j - 1]
        kept_before = j > 1 and self.stages[j - 2].keeps_out > 0
        return one.backward_held if kept_before else one.backward

    def name(self, segment: int) -> str:
        """Return what a segment, from 1, is called."""
        return self.stages[segment - 1].name

    def trace(self, plan: Plan) -> Trace:
        """Return what happens when a plan runs."""
        return trace(self, plan)

    def kept_by(self, plan: Plan) -> Iterator[int]:
        """Yield the bytes that stay for each segment; a group's are its first segment's."""
        for unit in plan.units():
            yield _kept(self, unit)
            yield from (0 for _ in range(unit.first, unit.last))

    def group_cost(self, last: int) -> float:
        """Return what any group that ends at a segment costs."""
        one = self.stages[last - 1]
        return one.rerun_time - one.time

    def kept(self, first: int, last: int) -> Ints:
        """Return what the groups from `first` or later to `last` keep."""
        replay = self._replay[last] - self._replay[first - 1 : last]
        kept: Ints = self.size[first - 1 : last] + replay + self.extras.group
        return kept

    def groups(self, last: int, memory: int) -> Groups:
        """Return the groups that end at a segment."""
        end = self.stages[last - 1]
        forward = self._forward[:last].copy()
        forward[-1] = end.rerun
        again = forward + end.ahead + self.extras.group
        inner = _behind(self._before[:last] + np.maximum(again, self._backward[:last]))
        given = self.size[:last]
        first = np.maximum(again, self._held[:last])
        inner = np.maximum(first, inner + given - self._start[:last])
        passing = np.maximum(self._passing[:last], _behind(self._passing[:last]) + given)
        kept = self.kept(1, last)
        replay = kept - given - self.extras.group
        need = kept - given + np.maximum(passing, inner + self.tail + replay)
        return Groups(1, last, kept, need, self.group_cost(last))

    def singles(self, last: int) -> tuple[Arc, ...]:
        """Return the units of segment `last` alone, groups apart."""
        one, border = self.stages[last - 1], self.border[last - 1]
        tail = self.tail if last < self.count else 0
        need = max(one.forward, self.backward(last) + tail)
        found = [Arc(Unit(Action.SAVE, last, last), one.resid + border, need, -one.time)]
        if self.extras.bandwidth is not None:
            stays = self.stages[last - 2].keeps_out if last > 1 else 0
            cost = moved(one) / self.extras.bandwidth - one.time
            found.append(Arc(Unit(Action.OFFLOAD, last, last), stays, need, cost))
        if (coding := self.codings.get(last)) is not None:
            stays = self.stages[last - 2].keeps_out if last > 1 else 0
            kept, cost = coding.kept + stays, coding.time - one.time
            unit = Unit(Action.COMPRESS, last, last)
            found.append(Arc(unit, kept, need + coding.space, cost))
        return tuple(found)


def moved(stage: Stage) -> int:
    """Return the bytes that go to the host and back if a segment's residuals do."""
    return 2 * (stage.resid + stage.keeps_in + stage.keeps_out)


def _borders(outs: Sequence[int], stages: Sequence[Stage]) -> list[int]:
    """Return what is kept of x_0, .., x_{n-1} if both neighbours keep what they want."""
    before = [0, *(one.keeps_out for one in stages)]
    return [
        min(size, out + one.keeps_in) for size, out, one in zip(outs, before, stages, strict=False)
    ]


def _summed(sizes: Iterable[int]) -> Ints:
    """Return the sums of the first 0, 1, .. sizes."""
    return np.array(list(accumulate(sizes, initial=0)), np.int64)


def _behind(values: Ints) -> Ints:
    """Return for each place the most of the values behind it; far below zero behind the last."""
    most: Ints = np.maximum.accumulate(values[::-1])[::-1]
    return np.append(most[1:], np.int64(-(2**62)))


def trace(arcs: StageArcs, plan: Plan) -> Trace:
    """Return the steps of a plan, in order, each with what it holds, and its extra time."""
    units, kept, extra = list(plan.units()), 0, list[float]()
    steps: list[Step] = []
    below = []
    for unit in units:
        below.append(kept)
        steps += _forward(arcs, unit, kept)
        kept += _kept(arcs, unit)
    steps.append(Step("loss", arcs.count, kept + arcs.final))
    for unit, kept in zip(reversed(units), reversed(below), strict=True):
        if unit.action is Action.CHECKPOINT:
            steps += _again(arcs, unit, kept)
            times = [one.time for one in arcs.stages[unit.first - 1 : unit.last]]
            extra += [*times, arcs.group_cost(unit.last)]
        else:
            tail = arcs.tail if unit.last < arcs.count else 0
            live = kept + arcs.backward(unit.last) + tail + _space(arcs, unit)
            steps.append(Step("backward", unit.last, live))
        if unit.action is Action.OFFLOAD and arcs.extras.bandwidth is not None:
            extra.append(moved(arcs.stages[unit.last - 1]) / arcs.extras.bandwidth)
        if unit.action is Action.COMPRESS:
            extra.append(arcs.codings[unit.last].time)
    return Trace(tuple(steps), fsum(extra))


def _kept(arcs: StageArcs, unit: Unit) -> int:
    """Return what a unit keeps between its passes."""
    if unit.action is Action.CHECKPOINT:
        return int(arcs.size[unit.first - 1]) + arcs.extras.group + _replayed(arcs, unit)
    one = arcs.stages[unit.first - 1]
    if unit.action is Action.SAVE:
        return one.resid + arcs.border[unit.first - 1]
    stays = arcs.stages[unit.first - 2].keeps_out if unit.first > 1 else 0
    return stays + (arcs.codings[unit.first].kept if unit.action is Action.COMPRESS else 0)


def _space(arcs: StageArcs, unit: Unit) -> int:
    """Return what coding takes while a segment runs."""
    return arcs.codings[unit.first].space if unit.action is Action.COMPRESS else 0


def _replayed(arcs: StageArcs, unit: Unit) -> int:
    return sum(one.replay for one in arcs.stages[unit.first - 1 : unit.last])


def _forward(arcs: StageArcs, unit: Unit, kept: int) -> Iterator[Step]:
    """Yield the forward passes of a unit."""
    for j in range(unit.first, unit.last + 1):
        one = arcs.stages[j - 1]
        if unit.action is not Action.CHECKPOINT:
            yield Step("forward", j, kept + one.forward + _space(arcs, unit))
            continue
        own = _kept(arcs, unit) - (int(arcs.size[j - 1]) if j == unit.first else 0)
        yield Step("forward", j, kept + own + one.passing)


def _again(arcs: StageArcs, unit: Unit, kept: int) -> Iterator[Step]:
    """Yield the re-runs and the backward passes of a group."""
    end = arcs.stages[unit.last - 1]
    own = kept + _kept(arcs, unit) + _replayed(arcs, unit) + arcs.tail
    backs = []
    stored = 0
    for j in range(unit.first, unit.last + 1):
        one = arcs.stages[j - 1]
        base = own + stored - (int(arcs.size[j - 1]) if j == unit.first else 0)
        forward = one.rerun if j == unit.last else one.forward
        yield Step("re-run", j, base + forward + end.ahead + arcs.extras.group)
        back = one.backward_held if j == unit.first else arcs.backward(j)
        backs.append(Step("backward", j, base + back))
        stored += one.resid + (arcs.border[j - 1] if j > unit.first else 0)
    yield from reversed(backs)
