"""Homogeneous chains against the package checkpoint-schedules.

Maddison's mixed schedules (2024) hold, in s units of memory, either what restarts a step or what
its adjoint needs, both of one size, and one step's needs beside them. That is a chain of outputs of
size 1 without residuals, at a budget of s + 3: beside the units, a segment's own input, its
gradient and the one that it makes. Where the best mixed schedule runs no step more than twice it is
a one-level plan, and as many steps are run again.
"""

from collections import Counter

import pytest

from revc.passes.schedule.chain import Chain, Segment
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.solve import solve

schedules = pytest.importorskip("checkpoint_schedules")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it compute without numba, whose compilation takes longer than all of this."""
    monkeypatch.setattr("checkpoint_schedules.mixed.numba", None)


def runs(count: int, units: int) -> Counter[int]:
    """Return how often the mixed schedule runs each step."""
    found: Counter[int] = Counter()
    for action in schedules.MixedCheckpointSchedule(count, units):
        if isinstance(action, schedules.Forward):
            found.update(range(action.n0, action.n1))
    return found


def homogeneous(count: int) -> Chain:
    """Return a chain of equal segments."""
    one = Segment(
        name="s", kind="opaque", t_fwd=1.0, t_bwd=1.0, out_bytes=1, resid_bytes=0, peak_bytes=0
    )
    segments = tuple(one.replace(name=f"s{i}") for i in range(count))
    return Chain(name="homogeneous", input_bytes=1, segments=segments)


@pytest.mark.filterwarnings("ignore:Numba not available:RuntimeWarning")
@pytest.mark.parametrize("count", range(2, 15))
def test_as_many_steps_are_run_again(count: int) -> None:
    for units in range(1, count):
        theirs = runs(count, units)
        if max(theirs.values()) <= 2:
            assert solve(homogeneous(count), units + 3).extra_time == theirs.total() - count
        else:
            with pytest.raises(InfeasibleError):
                solve(homogeneous(count), units + 3)
