"""The two published instances, exactly, at every budget."""

import json
from pathlib import Path

import pytest

from revc.passes.schedule.chain import Chain
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.plan import Plan, save_all
from revc.passes.schedule.read import read
from revc.passes.schedule.simulate import Step, simulate
from revc.passes.schedule.solve import solve

FOLDER = Path(__file__).parent / "chains"
FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_optima(file: Path) -> None:
    chain = read(file)
    known = json.loads(file.read_text().split("\n")[0])
    for memory, least in zip(known["budgets"], known["optimal_extra_time"], strict=True):
        if least is None:
            with pytest.raises(InfeasibleError):
                solve(chain, memory)
            continue
        found = solve(chain, memory)
        assert (found.extra_time, found.bound, found.bound_by) == (least, least, "optimum")
        assert found.trace.peak <= memory
        assert simulate(chain, found.plan) == found.trace
    assert simulate(chain, save_all(chain)).peak == known["save_everything_peak"]


def small() -> Chain:
    """Return the mixed chain's last three segments: down, rev3, head."""
    chain = read(FOLDER / "mixed_6.json")
    return chain.replace(input_bytes=16, segments=chain.segments[3:])


def test_every_step_of_a_plan_by_hand() -> None:
    """A group of two, and an inverse: each figure added up from the document."""
    trace = simulate(small(), Plan.of(["CHECKPOINT", "JOIN", "SAVE"]))
    assert trace.steps == (
        Step("forward", 1, 16 + 8 + 4),
        Step("forward", 2, 16 + 8 + 8 + 3),
        Step("forward", 3, 16 + 8 + 4 + 5 + 18),
        Step("loss", 3, 16 + 26 + 2 * 4),
        Step("backward", 3, 16 + 8 + 18 + 4 + 8 + 5),
        Step("re-run", 1, 46 + 8 + 4 + 8),
        Step("re-run", 2, 46 + 28 + 8 + 3 + 8),
        Step("backward", 2, 46 + 28 + 8 + 8 + 3),
        Step("backward", 1, 46 + 8 + 16 + 4),
    )
    assert trace.extra_time == 6 + 5
    inverted = simulate(small(), Plan.of(["SAVE", "INVERT", "SAVE"]))
    assert inverted.steps[5] == Step("backward", 2, 46 + 8 + 20 + 8 + 8 + 8 + 3)
    assert inverted.extra_time == 6


@pytest.mark.parametrize(
    ("memory", "words"),
    [(42, "re-run of segment 8 (b7)"), (0, "the least budget is 43")],
)
def test_a_budget_that_cannot_be_met_names_the_least(memory: int, words: str) -> None:
    chain = read(FOLDER / "opaque_homogeneous_8.json")
    with pytest.raises(InfeasibleError) as error:
        solve(chain, memory)
    assert words in str(error.value)
    assert (error.value.memory, error.value.least) == (memory, 43)
    assert solve(chain, 43).trace.peak == 43
