"""What the actions of a model's segments cost, from steps without numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from torch import Tensor

from revc.passes.schedule.segments import Cost, Way
from revc.planning.exchanges import Moves
from revc.planning.levels import Level, Taken, levels_of
from revc.planning.link import Link
from revc.planning.step import Moment, Step, fake_step
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import INVERT, KEEP, OFFLOAD, SAVE, Action

REBUILD = 0.5
"""What rebuilding costs beside operations: less than any, so that of equals what saves is taken."""


@dataclass(frozen=True)
class Costs:
    """The costs of the segments that a run passes, and the bytes held at the loss.

    `actions` are those of each segment, in the order of its ways, `again` the operations of each
    that saving has not, and `flops` those of a step that saves everything. Of what goes to the host
    by `link`, `again` has the operations that could be done meanwhile. Steps count `moves` of bits.
    """

    segments: list[Cost]
    actions: list[tuple[Action, ...]]
    again: list[tuple[float, ...]]
    loss: int
    flops: int = 0
    link: Link | None = None
    moves: Moves = ()


def costs_of(
    model: ReversibleModel, values: Mapping[str, Tensor], link: Link | None = None,
    moves: Moves = (),
) -> Costs:  # fmt: skip
    """Return the costs of what may be kept of each segment of a run on inputs like `values`.

    Times are floating-point operations: those that an action does more than saving, or, of what
    exchanges bits and is never saved, than keeping all values. Residuals are offloaded only where
    there is a `link`, and all nets of a segment are built in. `moves` are what bits hold.

    Raises:
        BindError: see `fake_step`.
    """
    steps = model.steps(model.interface.measure(values))
    plans, names = [step.segment.plan for step in steps], [step.name for step in steps]
    most = [KEEP if plan.metered else SAVE for plan in plans]
    inverting, saving = (fake_step(model, values, one, moves) for one in ("invert", most))
    run = lambda schedule: fake_step(model, values, schedule, moves)  # noqa: E731
    measure = lambda schedule: taken(run(schedule), len(names))  # noqa: E731
    inverted = taken(inverting, len(names))
    levels = levels_of(plans, inverted, measure)
    costs = costs_from(names, inverting, saving, levels, [plan.metered for plan in plans])
    costs = replace(costs, moves=moves)
    if link is None:
        return costs
    modules = [step.segment.runs_modules(model, step.turn) for step in steps]
    wish = [best if own else OFFLOAD for best, own in zip(most, modules, strict=True)]
    wish = [KEEP if plan.metered else one for plan, one in zip(plans, wish, strict=True)]
    return _with_host(costs, wish, run(wish), link)


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
            way = Way(*took[:3], time=copies, rebuilds=False)
            ways = segments[at].ways
            segments[at] = replace(segments[at], ways=(*ways[:-1], way, ways[-1]))
            actions[at] = (*actions[at][:-1], OFFLOAD, SAVE)
            again[at] = (*again[at][:-1], copies, again[at][-1])
    return replace(costs, segments=segments, actions=actions, again=again, link=link)


def costs_from(
    names: Sequence[str], inverting: Step, saving: Step, levels: Sequence[Sequence[Level]],
    metered: Sequence[bool],
) -> Costs:  # fmt: skip
    """Return the costs that a step of either action shows, with what is between them.

    What is `metered` keeps all its values where others are saved, which its levels have.
    """
    count = len(names)
    inverted, saved = (taken(step, count) for step in (inverting, saving))
    costs, actions, again = [], [], list[tuple[float, ...]]()
    for at, name in enumerate(names):
        found = [Level(INVERT, inverted[at]), *levels[at]]
        found += [] if metered[at] else [Level(SAVE, saved[at])]
        flops = [one.taken.flops - saved[at].flops for one in found]
        kinds = [one.action.kind != "save" for one in found]
        ways = tuple(
            Way(*one.taken[:3], time=more + REBUILD * rebuilds, rebuilds=rebuilds)
            for one, more, rebuilds in zip(found, flops, kinds, strict=True)
        )
        costs.append(Cost(name, inverting.moments[at, False].state, ways))
        actions.append(tuple(one.action for one in found))
        again.append(tuple(flops))
    below = sum(one.kept for one in inverted)
    loss = inverting.moments[count, False].peak - below
    return Costs(costs, actions, again, loss, saving.flops)


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
