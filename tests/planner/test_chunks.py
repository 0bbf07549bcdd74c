"""Chunks that a plan chooses: as few as the budget takes, and the least budget of all of them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner, Result

import revc
from revc.cli.app import app
from revc.errors import BindError
from revc.passes.schedule.segments import TooLittleError
from revc.planning import chunks, watch
from revc.planning import plan as plan_module
from revc.planning.chunks import (
    ChunkPlans,
    TooLittleInChunksError,
    counts_for,
    in_chunks,
    plan_chunks,
)
from revc.planning.costs import costs_of
from revc.planning.lowest import lowest
from revc.planning.plan import plan
from revc.planning.step import Steps, fake_step
from revc.planning.watch import Watch
from revc.runtime.chunks import WHOLE, Chunks
from revc.runtime.model import ReversibleModel

SPEC = """use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model Net(a, b: [B, c]) {
  repeat 2 { a += mlp(b, width = 4*c) }
}
"""


def made() -> tuple[ReversibleModel, dict[str, Tensor]]:
    return revc.compile(SPEC), {name: torch.randn(252, 8) for name in "ab"}


def least(model: ReversibleModel, values: dict[str, Tensor]) -> int:
    return lowest(costs_of(Steps(model, values))).step.peak


def test_a_budget_below_what_one_chunk_needs_takes_more() -> None:
    model, values = made()
    needs = {count: least(in_chunks(model, Chunks(count)), values) for count in (1, 2, 4)}
    assert needs[1] > needs[2] > needs[4]
    plans = ChunkPlans(model, values, counts_for(model, values))
    for count in (1, 2, 4):
        memory = needs[count]
        found = plans.plan(memory, measure=False)
        alone = plan(in_chunks(model, Chunks(count)), inputs=values, memory=memory, measure=False)
        assert found.chunks.batch >= count
        assert found.planned.peak <= memory
        assert found.planned.flops <= alone.flops
        assert found.model.interface.chunks == found.chunks
        assert fake_step(found.model, values, found.planned.schedule).peak == found.planned.peak
        if count > 1:
            with pytest.raises(TooLittleError):
                plan(model, inputs=values, memory=memory, measure=False)


def test_of_plans_that_compute_as_much_the_fewest_chunks_are_taken() -> None:
    model, values = made()
    steps, plans = Steps(model, values), ChunkPlans(model, values, counts_for(model, values))
    memory = steps("save").peak
    found = plans.plan(memory, measure=False)
    assert (found.chunks, found.model, found.planned.flops) == (WHOLE, model, 0)
    memory, known = (memory + least(model, values)) // 2, []
    for count in (1, 2, 4):
        one = plan(in_chunks(model, Chunks(count)), inputs=values, memory=memory, measure=False)
        known.append((one.costs.flops + one.flops, count))
    found = plans.plan(memory, measure=False)
    took = found.planned.costs.flops + found.planned.flops
    assert (took, found.chunks.pieces) == min(known)


def test_the_least_budget_is_that_of_all_numbers_of_chunks() -> None:
    model, values = made()
    needs = {count: least(in_chunks(model, Chunks(count)), values) for count in (1, 2, 4)}
    plans = ChunkPlans(model, values, counts_for(model, values))
    smallest, count = min((size, count) for count, size in needs.items())
    words = rf"the least is {smallest}, which segment repeat_0.* with chunks = {count} sets"
    with pytest.raises(TooLittleInChunksError, match=words) as caught:
        plans.plan(smallest - 1, measure=False)
    assert (caught.value.least, caught.value.chunks) == (smallest, Chunks(count))
    assert needs[plans.plan(smallest, measure=False).chunks.batch] == smallest


def test_only_what_divides_the_inputs_is_tried() -> None:
    model, values = made()
    values = {name: value[:246] for name, value in values.items()}
    with pytest.raises(TooLittleInChunksError) as caught:
        plan_chunks(model, inputs=values, memory=1, measure=False)
    assert caught.value.chunks == Chunks(2)
    with pytest.raises(BindError, match="no chunks of 4, 5, 2x3 divide a batch of 246"):
        plan_chunks(model, inputs=values, memory=1, counts=(4, 5, (2, 3)))
    with pytest.raises(BindError, match="at least one"):
        plan_chunks(model, inputs=values, memory=1, counts=(0,))


@pytest.mark.parametrize(("limit", "tried"), [(None, 3), (100.0, 3), (11.0, 2), (1.0, 1)])
def test_a_time_limit_is_for_all_chunks_and_what_they_count(
    limit: float | None, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, values = made()
    memory = (Steps(model, values)("save").peak + least(model, values)) // 2
    now, begun = [0.0], list[ReversibleModel]()

    def start(model: ReversibleModel, *rest: Any) -> Any:
        begun.append(model)
        now[0] += 6  # what counting takes
        return plan_module.start(model, *rest)

    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(chunks, "start", start)
    plans = ChunkPlans(model, values, [Chunks(count) for count in (1, 2, 4)])
    found = plans.plan(memory, limit, measure=False)
    assert found.planned.peak <= memory
    assert (len(begun), found.planned.in_time) == (tried, tried == 3)
    with pytest.raises(TooLittleInChunksError):  # no plan fits: the limit leaves none untried
        plans.plan(1, limit, measure=False)
    assert len(begun) == tried + 3


def test_what_is_left_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: now[0]))
    whole = Watch(12.0)
    part = whole.part(3)
    now[0] = 3.9
    assert not part.over
    now[0] = 4.0
    assert part.over
    assert not whole.part(2).over
    now[0] = 13.0
    assert whole.part(1).over
    assert not Watch(None).part(2).over


def test_a_model_in_chunks_has_the_same_nets_and_bits() -> None:
    model, values = made()
    model.capture, model.rng = "never", "replay"
    twin = in_chunks(model, Chunks(4))
    assert twin.interface.chunks == Chunks(4)
    assert (twin.capture, twin.rng) == (model.capture, model.rng)
    assert [id(p) for p in twin.parameters()] == [id(p) for p in model.parameters()]
    twin.schedule = "save"
    found, wanted = twin(**values), model(**values)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert model.schedule != twin.schedule


def test_what_is_tried_goes_on_along_the_sequence() -> None:
    model = revc.compile(SPEC.replace("dim B, c", "dim B, T, c").replace("[B, c]", "[B, T, c]"))

    def tried(batch: int, time: int) -> list[str]:
        values = {name: torch.zeros(batch, time, 8) for name in "ab"}
        return [str(count) for count in counts_for(model, values)]

    assert tried(16, 3) == ["1", "2", "4", "8", "16"]
    assert tried(4, 8) == ["1", "2", "4", "4x2", "4x4"]
    assert tried(1, 16) == ["1", "1x2", "1x4", "1x8", "1x16"]
    assert tried(6, 4) == ["1", "2", "2x2", "2x4"]
    assert tried(3, 5) == ["1"]


def test_one_example_is_planned_in_pieces_of_its_sequence() -> None:
    model = revc.compile(SPEC.replace("dim B, c", "dim B, T, c").replace("[B, c]", "[B, T, c]"))
    values = {name: torch.randn(1, 252, 8) for name in "ab"}
    memory = least(in_chunks(model, Chunks(1, 4)), values)
    assert memory < least(model, values)
    found = plan_chunks(model, inputs=values, memory=memory, measure=False)
    assert (found.chunks, found.planned.peak <= memory) == (Chunks(1, 4), True)
    found.model.schedule = found.planned.schedule
    for one, other in zip(found.model(**values), model(**values), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


# --- the command line ----------------------------------------------------------------------------


def run(*args: str | Path | int) -> Result:
    return CliRunner().invoke(app, list(map(str, args)))


def test_plan_and_compile_choose_chunks(tmp_path: Path) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(SPEC)
    model, values = made()
    model = revc.compile(str(spec), dims={"B": 252})
    one = plan_chunks(model, inputs=values, memory="1GiB").planned
    memory = least(in_chunks(model, Chunks(4)), values) + one.workspace
    args = ("-D", "B=252", "--memory", memory)
    assert run("plan", spec, *args).exit_code == 1
    wanted = ("--memory", 10, "--chunks", "auto", "--format", "json")
    both = run("plan", spec, *args, *wanted)
    assert (both.exit_code, "with chunks = 4 sets" in both.stderr) == (1, True)
    answer = json.loads(both.stdout)[0]
    assert answer["chunks"] == "4"
    assert answer["peak"] <= memory
    assert "Net in 4 chunks: peak" in run("plan", spec, *args, "--chunks", 4).stdout
    out = tmp_path / "net"
    assert run("compile", spec, *args, "--chunks", "auto", "-o", out).exit_code == 0
    for bad in ("0", "many", "-1", "1.5", "2x", "2x0", "1x2x3"):
        assert run("plan", spec, *args, "--chunks", bad).exit_code == 2
    assert run("compile", spec, "-D", "B=252", "--chunks", "auto", "--emit", "ir").exit_code == 2
