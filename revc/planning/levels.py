"""Which values of a segment's nets to keep: a few levels between nothing and all.

What a value saves is measured: its bytes, and the operations that nobody needs any more where it is
kept, in steps without numbers. Where a run passes many segments that are alike, as the turns of a
loop are, one step measures another value in each of them.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Self

from revc.runtime.schedule import INVERT, Action, ends
from revc.runtime.segment_plan import SegmentPlan

LEVELS = 6
"""The most levels of a segment."""


class Taken(NamedTuple):
    """What an action of a segment takes: its bytes, as `Way` has them, and its operations."""

    kept: int
    forward: int
    backward: int
    flops: int

    def less(self, other: Self) -> "Taken":
        """Return what it takes more than another."""
        return Taken(*(a - b for a, b in zip(self, other, strict=True)))

    def plus(self, more: Self) -> "Taken":
        """Return both together."""
        return Taken(*(a + b for a, b in zip(self, more, strict=True)))


Measure = Callable[[list[Action]], list[Taken]]


class Level(NamedTuple):
    """An action, and what it takes."""

    action: Action
    taken: Taken


def levels_of(
    plans: Sequence[SegmentPlan], inverted: Sequence[Taken], measure: Measure
) -> list[list[Level]]:
    """Return the levels of each segment that a run passes, from little to all that saves anything.

    `inverted` is what each takes where all of them invert, `measure` what a schedule makes of them.
    Segments with the same graphs and as many operations are taken to be alike.
    """
    alike: dict[Hashable, list[int]] = {}
    for at, (plan, took) in enumerate(zip(plans, inverted, strict=True)):
        alike.setdefault((plan.graph, plan.values, took.flops), []).append(at)
    groups = list(alike.values())
    single = [_keeping(plans[group[0]], range(len(plans[group[0]].values))) for group in groups]
    worth = _measured(inverted, groups, single, measure)
    wanted = [_levels(plans[group[0]], found) for group, found in zip(groups, worth, strict=True)]
    result: list[list[Level]] = [[] for _ in plans]
    for group, found in zip(groups, _measured(inverted, groups, wanted, measure), strict=True):
        for at in group:
            result[at] = [Level(one.action, inverted[at].plus(one.taken)) for one in found]
    return result


def _keeping(plan: SegmentPlan, numbers: Sequence[int]) -> list[Action]:
    """Return the actions that keep one value each."""
    return [Action("keep", (plan.values[number],)) for number in numbers]


def _measured(
    inverted: Sequence[Taken], groups: Sequence[Sequence[int]],
    actions: Sequence[Sequence[Action]], measure: Measure,
) -> list[list[Level]]:  # fmt: skip
    """Return what each of a group's actions takes more than inverting, in few steps."""
    rounds = [-(-len(wanted) // len(group)) for group, wanted in zip(groups, actions, strict=True)]
    found: list[list[Level]] = [[] for _ in groups]
    for turn in range(max(rounds, default=0)):
        schedule = [INVERT] * len(inverted)
        placed = []
        for group, wanted, into in zip(groups, actions, found, strict=True):
            some = wanted[turn * len(group) : (turn + 1) * len(group)]
            for at, action in zip(group, some, strict=False):
                schedule[at] = action
                placed.append((into, at, action))
        took = measure(schedule)
        for into, at, action in placed:
            into.append(Level(action, took[at].less(inverted[at])))
    return found


def _levels(plan: SegmentPlan, worth: Sequence[Level]) -> list[Action]:
    """Return the actions that keep what is worth most by the byte, then the next as well, and on.

    Of more than `LEVELS` those stay that are spread evenly over the bytes.
    """
    values = []
    for number, (_, more) in enumerate(worth):
        if more.kept > 0 and more.flops < 0:
            values.append((more.flops / more.kept, more.kept, number))
    values.sort()
    total, held, chosen = sum(kept for _, kept, _ in values), 0, list[int]()
    found: dict[int, Action] = {}
    for _, kept, number in values:
        held += kept
        chosen.append(number)
        names = tuple(plan.values[one] for one in sorted(chosen))
        step = len(chosen) if len(values) <= LEVELS else -(-held * LEVELS // total)
        found[step] = Action("keep", _short(names, plan.values))
    return list(found.values())


def _short(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return names that are as short as may be and stand for the same values."""
    found = []
    for name in names:
        parts = name.split(".")
        shorter = (".".join(parts[at:]) for at in reversed(range(len(parts))))
        alone = lambda end: sum(ends(one, end) for one in known) == 1  # noqa: E731
        found.append(next((end for end in shorter if alone(end)), name))
    return tuple(found)
