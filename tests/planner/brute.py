"""Every legal plan of a chain, through the simulator alone."""

from collections.abc import Iterator

from revc.passes.schedule.chain import Chain
from revc.passes.schedule.plan import Action, Plan
from revc.passes.schedule.simulate import simulate

Frontier = list[tuple[int, float]]
"""Peaks and extra times of the plans that no other beats in both, by peak."""


def plans(chain: Chain) -> Iterator[Plan]:
    """Yield all legal plans."""
    yield from (Plan(actions) for actions in _actions(chain, ()))


def _actions(chain: Chain, done: tuple[Action, ...]) -> Iterator[tuple[Action, ...]]:
    if len(done) == len(chain.segments):
        yield done
        return
    choices = [Action.SAVE, Action.CHECKPOINT]
    if done and done[-1] in (Action.CHECKPOINT, Action.JOIN):
        choices.append(Action.JOIN)
    if chain.segments[len(done)].kind == "invertible":
        choices.append(Action.INVERT)
    if chain.offload_bandwidth is not None:
        choices.append(Action.OFFLOAD)
    for choice in choices:
        yield from _actions(chain, (*done, choice))


def frontier(chain: Chain) -> Frontier:
    """Return what plans there are that no other beats in both."""
    least: dict[int, float] = {}
    for plan in plans(chain):
        trace = simulate(chain, plan)
        least[trace.peak] = min(trace.extra_time, least.get(trace.peak, float("inf")))
    found: Frontier = []
    for peak, time in sorted(least.items()):
        if not found or time < found[-1][1]:
            found.append((peak, time))
    return found


def budgets(found: Frontier) -> Iterator[tuple[int, float]]:
    """Yield budgets at and just below each step of a frontier, and what each allows at best."""
    for number, (peak, time) in enumerate(found):
        yield peak, time
        if number + 1 < len(found):
            yield found[number + 1][0] - 1, time
