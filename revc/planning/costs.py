"""What the actions of a model's segments cost, from steps without numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from revc.passes.schedule.segments import Cost, Way
from revc.planning.levels import Level, Taken, levels_of
from revc.planning.link import Link
from revc.planning.step import Moment, Step, Steps
from revc.runtime.schedule import INVERT, KEEP, OFFLOAD, SAVE, Action, Schedule
from revc.runtime.state.alloc_health import HEALTH_BYTES

REBUILD = 0.5
"""What rebuilding costs beside operations: less than any, so that of equals what saves is taken."""


@dataclass(frozen=True)
class Costs:
    """The costs of the segments that a run passes, and the bytes held at the loss.

    `actions` are those of each segment, in the order of its ways, `again` the operations of each
    that saving has not, and `flops` those of a step that saves everything. Of what goes to the host
    by `link`, `again` has the operations that could be done meanwhile. `steps` counted them.
    """

    steps: Steps
    segments: list[Cost]
    actions: list[tuple[Action, ...]]
    again: list[tuple[float, ...]]
    loss: int
    flops: int = 0
    link: Link | None = None

    def schedule(self, ways: Sequence[int]) -> Schedule:
        """Return the action of each segment, by the number of its way."""
        return tuple(actions[way] for actions, way in zip(self.actions, ways, strict=True))

    def operations(self, ways: Sequence[int]) -> float:
        """Return the operations that ways compute again."""
        return float(sum(one[way] for one, way in zip(self.again, ways, strict=True)))


def costs_of(steps: Steps, link: Link | None = None) -> Costs:
    """Return the costs of what may be kept of each segment of a run.

    Times are floating-point operations: those that an action does more than saving, or, of what
    exchanges bits and is never saved, than keeping all values. Residuals are offloaded only where
    there is a `link`, and all nets of a segment are built in.

    Raises:
        BindError: the inputs do not fit.
    """
    plans = [one.plan for one in steps.passed]
    most = [KEEP if plan.metered else SAVE for plan in plans]
    inverted = taken(steps("invert"), len(plans))
    levels = levels_of(plans, inverted, lambda schedule: taken(steps(schedule), len(plans)))
    costs = costs_from(steps, most, levels)
    if link is None:
        return costs
    wish = [
        OFFLOAD if best == SAVE and not one.modules else best
        for best, one in zip(most, steps.passed, strict=True)
    ]
    return _with_host(costs, wish, steps(wish), link)


def _with_host(costs: Costs, wish: Sequence[Action], step: Step, link: Link) -> Costs:
    """Return costs that also have what a step shows that offloads where `wish` does.

    What a segment fetches ahead counts for it as where the one right below is offloaded too. One
    that has nothing to copy is as good as saved.
    """
    segments, actions, again = list(costs.segments), list(costs.actions), list(costs.again)
    for at, took in enumerate(taken(step, len(wish))):
        size = step.moments[at, False].host
        if wish[at] == OFFLOAD and size:
            copies = link.operations(size)
            backward = took.backward + HEALTH_BYTES  # which a way back of others' may hold
            way = Way(took.kept, took.forward, backward, time=copies, rebuilds=False)
            ways = segments[at].ways
            segments[at] = replace(segments[at], ways=(*ways[:-1], way, ways[-1]))
            actions[at] = (*actions[at][:-1], OFFLOAD, SAVE)
            again[at] = (*again[at][:-1], copies, again[at][-1])
    return replace(costs, segments=segments, actions=actions, again=again, link=link)


def costs_from(steps: Steps, most: Sequence[Action], levels: Sequence[Sequence[Level]]) -> Costs:
    """Return the costs that steps which invert, or keep the most, show, with what is between them.

    What is never saved keeps all its values where others are, which its levels have.
    """
    inverting, saving = steps("invert"), steps(most)
    count = len(most)
    inverted, saved = (taken(step, count) for step in (inverting, saving))
    costs, actions, again = [], [], list[tuple[float, ...]]()
    entries = entries_of(steps, most)
    for at, one in enumerate(steps.passed):
        found = [Level(INVERT, inverted[at]), *levels[at]]
        found += [Level(SAVE, saved[at])] if most[at] == SAVE else []
        flops = [level.taken.flops - saved[at].flops for level in found]
        kinds = [level.action.kind != "save" for level in found]
        ways = tuple(
            Way(*level.taken[:3], time=more + REBUILD * rebuilds, rebuilds=rebuilds)
            for level, more, rebuilds in zip(found, flops, kinds, strict=True)
        )
        entry = entries[at - 1] if at else 0
        costs.append(Cost(one.name, inverting.moments[at, False].state, ways, entry))
        actions.append(tuple(level.action for level in found))
        again.append(tuple(flops))
    costs[-1] = replace(costs[-1], ways=_entered(costs[-1].ways, entries[-1]))
    below = sum(one.kept for one in inverted)
    loss = inverting.moments[count, False].peak - below
    return Costs(steps, costs, actions, again, loss, saving.flops)


def _entered(ways: Sequence[Way], entry: int) -> tuple[Way, ...]:
    """Return the ways of the last segment, of which those that rebuild begin the way back."""
    return tuple(
        replace(way, backward=max(way.backward, way.kept + entry)) if way.rebuilds else way
        for way in ways
    )


def entries_of(steps: Steps, most: Sequence[Action]) -> list[int]:
    """Return what is held where the way back through segments begins, beside all that is kept.

    There is an entry for each segment that may be the last which rebuilds its input. The final
    state comes back there, and is checked, while all is there that the segment keeps. That is seen
    where all segments invert, and where all but the last do: further down it is taken to be as much
    as there, and twice what the state is larger.
    """
    count, found = len(most), [0] * len(most)
    inverting = steps("invert")
    found[-1] = _entry(inverting, count - 1)
    if count > 1 and most[-1] == SAVE:
        state = [inverting.moments[at, False].state for at in range(count + 1)]
        one = _entry(steps([INVERT] * (count - 1) + [SAVE]), count - 2)
        found[:-1] = [one + 2 * max(0, size - state[count - 1]) for size in state[1:count]]
    return found


def _entry(step: Step, at: int) -> int:
    back = step.moments.get((at, True))
    kept = sum(kept_by(step, one) for one in range(at + 1))
    return 0 if back is None else max(0, back.reached - kept)


def taken(step: Step, count: int) -> list[Taken]:
    """Return what each of the segments of a step took, beside what was kept of those below."""
    kept = [kept_by(step, at) for at in range(count)]
    below = list(accumulate(kept, initial=0))
    found = []
    for at in range(count):
        there, back = step.moments[at, False], step.moments.get((at, True), Moment(0))
        forward, backward = (max(0, one.peak - below[at]) for one in (there, back))
        found.append(Taken(kept[at], forward, backward, back.flops))
    return found


def kept_by(step: Step, at: int) -> int:
    """Return the bytes that a step keeps of a segment, besides the state."""
    before, after = step.moments[at, False], step.moments[at + 1, False]
    return max(0, before.after - before.before - after.state + before.state)
