"""Plans of stages against every plan there is."""

import itertools
import random
from collections.abc import Iterator

import pytest

from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Action, Plan
from revc.passes.schedule.solve import solve_arcs
from revc.passes.schedule.stages import Extras, Stage, StageArcs


def stages(rng: random.Random, count: int) -> Iterator[Stage]:
    given = 0
    for number in range(count):
        out, resid = rng.randint(1, 20), rng.randint(0, 30)
        keeps_in, keeps_out = rng.choice([0, given]), rng.choice([0, out])
        forward = given + out + resid + rng.randint(0, 10)
        passing = given + out + rng.randint(0, 8)
        back = max(keeps_in + keeps_out + resid + out, rng.randint(0, 10) + given + out)
        held, time = back + given - keeps_in, rng.randint(1, 9)
        rerun, again = forward - rng.randint(0, out), time - rng.choice([0, time, 0.5])
        yield Stage(
            f"s{number}", out, resid, keeps_in, keeps_out, forward, passing, rerun, back, held,
            out + rng.randint(0, 5), rng.randint(0, 2), time, again,
        )  # fmt: skip
        given = out


def made(seed: int) -> StageArcs:
    rng = random.Random(seed)
    extras = Extras(group=rng.randint(0, 2), bandwidth=rng.choice([2.0, 5.0, None, None]))
    return StageArcs(list(stages(rng, rng.randint(1, 5))), extras)


def every_plan(arcs: StageArcs) -> Iterator[Plan]:
    words = [Action.SAVE, Action.CHECKPOINT, Action.JOIN]
    words += [Action.OFFLOAD] if arcs.extras.bandwidth else []
    groups = (Action.CHECKPOINT, Action.JOIN)
    for actions in itertools.product(words, repeat=arcs.count):
        pairs = zip((None, *actions), actions, strict=False)
        if all(before in groups for before, one in pairs if one is Action.JOIN):
            yield Plan(actions)


@pytest.mark.parametrize("seed", range(40))
def test_the_plan_is_the_best_at_every_budget(seed: int) -> None:
    arcs = made(seed)
    found = [arcs.trace(plan) for plan in every_plan(arcs)]
    peaks = sorted({trace.peak for trace in found})
    with pytest.raises(InfeasibleError) as caught:
        solve_arcs(arcs, peaks[0] - 1)
    assert caught.value.least == peaks[0]
    for memory in peaks:
        best = min(trace.extra_time for trace in found if trace.peak <= memory)
        solved = solve_arcs(arcs, memory)
        assert solved.trace.peak <= memory
        assert solved.extra_time == pytest.approx(best, abs=1e-9)
        assert solved.bound <= best + 1e-9


@pytest.mark.parametrize("seed", range(40, 60))
def test_arcs_need_what_their_steps_hold(seed: int) -> None:
    arcs = made(seed)
    for plan in every_plan(arcs):
        kept, peak = 0, 0
        for unit in plan.units():
            arc = (
                arcs.groups(unit.last, 0).arc(unit.first)
                if unit.action is Action.CHECKPOINT
                else next(one for one in arcs.singles(unit.last) if one.unit == unit)
            )
            peak = max(peak, kept + arc.need)
            kept += arc.kept
        assert max(peak, kept + arcs.final) == arcs.trace(plan).peak
        assert kept == sum(arcs.kept_by(plan))
