"""Plans for compiled steps: rungs of a ladder, and what is measured of them."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import revc
from revc.cli.app import app
from revc.errors import ScheduleError
from revc.passes.schedule.segments import TooLittleError
from revc.planning import compiled, plan
from revc.planning.compiled import compiled_costs, ladder
from revc.planning.costs import REBUILD, Costs
from revc.planning.course import Course, compiled_peak
from revc.planning.plan import Planned
from revc.planning.timeline import timeline_of
from revc.runtime.artifact import read_program
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import INVERT, Action, Schedule
from tests.model import specs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


SMALL = f"""{specs.HEAD}model Net(a, b: [B, T, d]) {{
  repeat 2 {{
    a += mlp(b, width = 2*d)
    b += linear(a)
  }}
}}
"""
VALVE = """use std.nets: linear, mlp
dim B, T, d = 16
state lattice(Q12.20)
model Net(a, b: [B, T, d]) {
  repeat 2 {
    b += mlp(a, width = 2*d)
    valve a[.., :4] by logistic(linear(b), step = 1/16) as va
  }
}
"""


def made(spec: str = specs.LAYERS) -> tuple[ReversibleModel, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(spec, dims={"d": 32})
    return model, {name: torch.randn(4, 16, 32) for name in "ab"}


@pytest.fixture(scope="module")
def costs() -> Costs:
    """What the layers' actions cost, counted once."""
    return compiled_costs(*made())


@pytest.fixture
def guessed(costs: Costs, monkeypatch: pytest.MonkeyPatch) -> Callable[[Schedule], int]:
    """Let peaks be made up: ten, and three bytes for each value that is kept."""

    def peak(schedule: Schedule) -> int:
        return 10 + 3 * sum(len(action.values) for action in schedule)

    monkeypatch.setattr(plan, "compiled_costs", lambda _model, _values: costs)
    course = lambda size: Course(((0.0, 0), (1.0, size)), ((0.0, size), (1.0, size // 2)))  # noqa: E731
    monkeypatch.setattr(compiled, "compiled_course", lambda _model, _values, way: course(peak(way)))
    return peak


def test_rungs_hold_more_and_compute_less_the_higher_they_are(costs: Costs) -> None:
    model, values = made()
    rungs = ladder(costs)
    assert rungs[0].schedule == (INVERT,) * 3
    assert costs.operations(rungs[-1].ways) == 0
    work = [costs.operations(rung.ways) for rung in rungs]
    assert work == sorted(set(work), reverse=True)
    counted = [rung.counted for rung in rungs]
    assert counted == sorted(counted)
    for rung in rungs:
        model.schedule = rung.schedule
        kept = sum(one.total for one in model.kept_bytes(**values))
        ways = [
            (cost.ways[way], cost.ways[0])
            for cost, way in zip(costs.segments, rung.ways, strict=True)
        ]
        assert kept == sum(way.kept - least.kept for way, least in ways)


def test_plans_hold_no_more_than_their_budget_and_fall_with_it(
    guessed: Callable[[Schedule], int],
) -> None:
    model, values = made()
    last, known = None, None
    for memory in range(60, 9, -5):
        found = revc.plan(model, inputs=values, memory=memory, compiled=True)
        assert found.peak == guessed(found.schedule) <= memory
        assert last is None or (found.peak <= last.peak and found.flops >= last.flops)
        known = revc.plan(model, inputs=values, memory=memory, compiled=True, known=known)
        assert (known.peak, known.schedule) == (found.peak, found.schedule)
        last = found
    with pytest.raises(TooLittleError, match="the least is 10, which the compiled step that"):
        revc.plan(model, inputs=values, memory=9, compiled=True)


@pytest.mark.parametrize("beside", [0, 2000])
def test_no_choice_that_holds_as_much_beside_its_count_undercuts_the_bound(
    beside: int, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step holds beside its count is the same for all, or grows with what is kept."""
    model, values = made()
    every = {
        costs.schedule(ways): (counted(costs, ways) + beside * sum(ways), costs.operations(ways))
        for ways in product(*(range(len(cost.ways)) for cost in costs.segments))
    }
    course = lambda size: Course(((0.0, size),), ((1.0, size),))  # noqa: E731
    monkeypatch.setattr(plan, "compiled_costs", lambda _model, _values: costs)
    monkeypatch.setattr(
        compiled, "compiled_course", lambda _model, _values, way: course(every[way][0])
    )
    least, most = (choice(peak for peak, _ in every.values()) for choice in (min, max))
    known = None
    for part in range(9):
        memory = least + (most - least) * part // 8
        known = revc.plan(model, inputs=values, memory=memory, compiled=True, known=known)
        best = min(work for peak, work in every.values() if peak <= memory)
        assert known.bound <= best <= known.flops
        assert beside or best - known.bound <= REBUILD * len(known.schedule)


def counted(costs: Costs, ways: Sequence[int]) -> int:
    """Return the peak that costs say a choice has, segment by segment."""
    below = peak = 0
    for cost, number in zip(costs.segments, ways, strict=True):
        way = cost.ways[number]
        peak = max(peak, below + way.forward, below + way.backward)
        below += way.kept
    return max(peak, below + costs.loss)


def test_a_page_draws_a_compiled_step_beside_what_is_counted(
    guessed: Callable[[Schedule], int], tmp_path: Path
) -> None:
    spec, page = tmp_path / "net.rev", tmp_path / "page.html"
    spec.write_text(specs.LAYERS)
    sizes = [bound for size in ("B=4", "T=16", "d=32") for bound in ("-D", size)]
    run = lambda *args: CliRunner().invoke(app, ["plan", str(spec), *sizes, "--compiled", *args])  # noqa: E731
    found = run("--memory", "30", "--memory", "9", "--format", "html", "-o", str(page))
    assert found.exit_code == 1
    text = page.read_text()
    for name in ("predicted", "measured", "budget"):
        assert text.count(f"<title>{name}</title>") == 1
    model, values = made()
    planned = revc.plan(model, inputs=values, memory=30, compiled=True)
    size = guessed(planned.schedule)
    assert f"the compiled step held {size} at most forwards, and {size} from the loss on" in text
    assert "the least is 10" in text
    assert text.count("<td>segment repeat_0, turn") == 3
    answer = json.loads(run("--memory", "30", "--format", "json").stdout)
    assert (answer["peak"], answer["compiled"], answer["bound"]) == (size, True, planned.bound)
    assert "as compiled steps were seen to hold" in run("--memory", "30").stdout
    for wrong in (["--no-measure"], ["--offload", "1GB/s", "--flops", "1e9"]):
        assert run("--memory", "30", *wrong).exit_code == 2


def test_the_timeline_of_a_compiled_step_has_its_counted_peak(costs: Costs) -> None:
    for rung in ladder(costs):
        courses = {rung.schedule: Course(((0.0, 1),), ((1.0, rung.counted + 5),))}
        planned = Planned(rung.schedule, costs, rung.counted + 5, 1 << 30, 5, 0.0, 0.0,
                          compiled=True, courses=courses)  # fmt: skip
        found = timeline_of(*made(), planned, measure=False)
        assert max(found.predicted.values()) == rung.counted + 5 == found.course.peak
        assert len(found.predicted) == 2 * len(rung.schedule) + 1


def test_the_time_limit_leaves_what_was_measured(guessed: Callable[[Schedule], int]) -> None:
    model, values = made()
    found = revc.plan(model, inputs=values, memory=30, compiled=True, limit=0.0)
    assert not found.in_time
    assert found.schedule == (INVERT,) * 3
    assert len(found.courses) == 1


def test_what_is_not_for_compiled_code_is_refused() -> None:
    model, values = made()
    with pytest.raises(ScheduleError, match="measured, and offloads nothing"):
        revc.plan(model, inputs=values, memory=1 << 20, compiled=True, measure=False)
    with pytest.raises(ScheduleError, match="not for lists of modules"):
        revc.plan([torch.nn.Linear(2, 2)], torch.ones(2, 2), memory=100, compiled=True)  # type: ignore[call-overload]


def test_a_package_is_written_for_compiled_steps(
    guessed: Callable[[Schedule], int], tmp_path: Path
) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(specs.LAYERS)
    run = lambda *args: CliRunner().invoke(app, ["compile", *map(str, args)])  # noqa: E731
    sizes = [bound for size in ("B=4", "T=16", "d=32") for bound in ("-D", size)]
    done = run(spec, *sizes, "--memory", "60", "--compiled", "-o", tmp_path / "net")
    assert done.exit_code == 0, done.output
    kept = read_program(tmp_path / "net")["interface"]["schedule"]
    schedule = tuple(Action(one["kind"], tuple(one["values"])) for one in kept)
    assert schedule == revc.plan(made()[0], memory=60, compiled=True, inputs=made()[1]).schedule
    assert (tmp_path / "net" / "keep_traced.py").exists()
    for wrong in (["--compiled"], ["--compiled", "--schedule", "save"]):
        refused = run(spec, *sizes, *wrong, "--emit", "ir")
        assert (refused.exit_code, "--compiled is for a plan" in refused.stderr) == (2, True)


def test_steps_that_exchange_bits_are_planned_and_hold_what_was_measured(
    fresh_dynamo: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Inductor, which the next test has: what bits hold is the same."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr(compiled, "RUNGS", 1)
    torch.manual_seed(0)
    model = revc.compile(VALVE)
    values = {name: torch.randn(2, 8, 16) for name in "ab"}
    planned = revc.plan(model, inputs=values, memory="1MiB", compiled=True)
    least = min(course.peak for course in planned.courses.values())
    assert planned.peak > least
    assert {action.kind for action in planned.schedule} == {"keep"}
    assert (planned.flops, planned.bits) == (0, True)
    torch._dynamo.reset()
    assert compiled_peak(model, values, planned.schedule) == planned.peak
    with pytest.raises(TooLittleError, match=f"the least is {least}"):
        revc.plan(model, inputs=values, memory=1, compiled=True, known=planned)


def test_the_measured_peak_is_the_predicted_one(
    fresh_dynamo: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "RUNGS", 2)
    model, values = made(SMALL.replace("    b += linear(a)\n", ""))
    before = model.schedule
    memory = 5 * compiled_peak(model, values, (INVERT,)) // 4
    planned = revc.plan(model, inputs=values, memory=memory, compiled=True)
    assert model.schedule == before
    torch._dynamo.reset()
    found = compiled_peak(model, values, planned.schedule)
    assert found <= memory
    assert abs(planned.peak / found - 1) <= 0.03
    assert planned.flops < planned.costs.flops / 3
