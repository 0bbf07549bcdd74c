"""Chunks that a plan chooses: as few as the budget takes, and the least budget of all of them."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner, Result

import revc
from revc.cli.app import app
from revc.errors import BindError
from revc.passes.schedule.segments import TooLittleError, least_memory
from revc.planning.chunks import (
    CHUNKS,
    ChunkPlans,
    TooLittleInChunksError,
    in_chunks,
    plan_chunks,
)
from revc.planning.costs import costs_of
from revc.planning.plan import plan
from revc.planning.step import Steps, fake_step
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
    costs = costs_of(Steps(model, values))
    return least_memory(costs.segments, costs.loss)[0]


def test_a_budget_below_what_one_chunk_needs_takes_more() -> None:
    model, values = made()
    needs = {count: least(in_chunks(model, count), values) for count in (1, 2, 4)}
    assert needs[1] > needs[2] > needs[4]
    plans = ChunkPlans(model, values, CHUNKS)
    for count in (1, 2, 4):
        memory = needs[count]
        found = plans.plan(memory, measure=False)
        alone = plan(in_chunks(model, count), inputs=values, memory=memory, measure=False)
        assert found.chunks >= count
        assert found.planned.peak <= memory
        assert found.planned.flops <= alone.flops
        assert found.model.interface.chunks == found.chunks
        assert fake_step(found.model, values, found.planned.schedule).peak == found.planned.peak
        if count > 1:
            with pytest.raises(TooLittleError):
                plan(model, inputs=values, memory=memory, measure=False)


def test_of_plans_that_compute_as_much_the_fewest_chunks_are_taken() -> None:
    model, values = made()
    steps, plans = Steps(model, values), ChunkPlans(model, values, CHUNKS)
    memory = steps("save").peak
    found = plans.plan(memory, measure=False)
    assert (found.chunks, found.model, found.planned.flops) == (1, model, 0)
    memory, known = (memory + least(model, values)) // 2, []
    for count in (1, 2, 4):
        one = plan(in_chunks(model, count), inputs=values, memory=memory, measure=False)
        known.append((one.costs.flops + one.flops, count))
    found = plans.plan(memory, measure=False)
    assert (found.planned.costs.flops + found.planned.flops, found.chunks) == min(known)


def test_the_least_budget_is_that_of_all_numbers_of_chunks() -> None:
    model, values = made()
    needs = {count: least(in_chunks(model, count), values) for count in (1, 2, 4)}
    plans = ChunkPlans(model, values, CHUNKS)
    smallest, count = min((size, count) for count, size in needs.items())
    words = rf"the least is {smallest}, which segment repeat_0.* with chunks = {count} sets"
    with pytest.raises(TooLittleInChunksError, match=words) as caught:
        plans.plan(smallest - 1, measure=False)
    assert (caught.value.least, caught.value.chunks) == (smallest, count)
    assert plans.plan(smallest, measure=False).chunks == count


def test_only_what_divides_the_batch_is_tried() -> None:
    model, values = made()
    values = {name: value[:246] for name, value in values.items()}
    with pytest.raises(TooLittleInChunksError) as caught:
        plan_chunks(model, inputs=values, memory=1, measure=False)
    assert caught.value.chunks == 2
    with pytest.raises(BindError, match="divides a batch of 246"):
        plan_chunks(model, inputs=values, memory=1, counts=(4, 5, 0))


def test_a_model_in_chunks_has_the_same_nets_and_bits() -> None:
    model, values = made()
    twin = in_chunks(model, 4)
    assert twin.interface.chunks == 4
    assert [id(p) for p in twin.parameters()] == [id(p) for p in model.parameters()]
    twin.schedule = "save"
    found, wanted = twin(**values), model(**values)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert model.schedule != twin.schedule


# --- the command line ----------------------------------------------------------------------------


def run(*args: str | Path | int) -> Result:
    return CliRunner().invoke(app, list(map(str, args)))


def test_plan_and_compile_choose_chunks(tmp_path: Path) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(SPEC)
    model, values = made()
    model = revc.compile(str(spec), dims={"B": 252})
    one = plan_chunks(model, inputs=values, memory="1GiB").planned
    memory = least(in_chunks(model, 4), values) + one.workspace
    args = ("-D", "B=252", "--memory", memory)
    assert run("plan", spec, *args).exit_code == 1
    wanted = ("--memory", 10, "--chunks", "auto", "--format", "json")
    both = run("plan", spec, *args, *wanted)
    assert (both.exit_code, "with chunks = 4 sets" in both.stderr) == (1, True)
    answer = json.loads(both.stdout)[0]
    assert answer["chunks"] == 4
    assert answer["peak"] <= memory
    assert "Net in 4 chunks: peak" in run("plan", spec, *args, "--chunks", 4).stdout
    out = tmp_path / "net"
    assert run("compile", spec, *args, "--chunks", "auto", "-o", out).exit_code == 0
    for bad in ("0", "many", "-1", "1.5"):
        assert run("plan", spec, *args, "--chunks", bad).exit_code == 2
    assert run("compile", spec, "-D", "B=252", "--chunks", "auto", "--emit", "ir").exit_code == 2
