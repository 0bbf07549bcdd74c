"""Plans of models that exchange bits: those segments invert or keep, and what bits hold counts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import revc
from revc.cli.app import app
from revc.errors import BindError
from revc.passes.schedule.segments import TooLittleError
from revc.planning import plan as plan_module
from revc.planning import report
from revc.planning.meter import trace
from revc.planning.plan import plan
from revc.planning.step import Steps, train
from revc.planning.workspace import moves_of, untouched
from revc.runtime.model import ReversibleModel

HEAD = """use std.nets: attention, linear, mlp, norm, dropout, parameter, embedding
dim B, T, d = 16
state lattice(Q12.20)
"""
VALVES = f"""{HEAD}block Layer(a, b: [B, T, d]) {{
  a += attention(norm(b), heads = 4)
  b += mlp(norm(a), width = 4*d)
}}
model Net(a, b: [B, T, d]) {{
  repeat 1 {{ Layer(a, b) }}
  repeat 2 {{
    b += mlp(a, width = 2*d)
    valve a[.., :4] by logistic(linear(b), step = 1/16) as va
  }}
  repeat 2 {{ Layer(a, b) }}
}}
"""
MODELS = {
    "valves": VALVES,
    "scales": f"""{HEAD}model Net(a, b: [B, T, d]) {{
  repeat 2 {{ a += mlp(norm(b), width = 4*d) }}
  repeat 2 {{
    scale a by sigmoid(linear(b)) in [1/2, 1] as f
    b += linear(a)
  }}
  repeat 2 {{ b += mlp(norm(a), width = 4*d) }}
  emit shown = linear(b)
}}
""",
    "dropout": f"""{HEAD}model Net(a, b: [B, T, d]) {{
  repeat 3 {{
    a += dropout(mlp(norm(b), width = 4*d), p = 0.1)
    b += mlp(norm(a), width = 4*d)
  }}
}}
""",
    "coded": f"""{HEAD}model Net(given tokens: label(9)[B, T], x: [B, T, d]) {{
  net Tok = embedding(9)
  x += Tok(tokens)
  split x -> a, b
  repeat 3 {{
    a += mlp(norm(b), width = 4*d)
    b += mlp(norm(a), width = 4*d)
  }}
  join a, b -> x
  put x by logistic(parameter([2*d]), step = 1/4) as code
}}
""",
}  # fmt: skip


def made(name: str) -> tuple[ReversibleModel, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(MODELS[name])
    values = {}
    for slot in model.interface.entries:
        label = slot.kind == "label"
        values[slot.name] = torch.randint(9, (2, 8)) if label else torch.randn(2, 8, 16) / 2
    return model, values


def measured(model: ReversibleModel, values: dict[str, Tensor], schedule: Any) -> int:
    with untouched(model, schedule):
        train(model, values)
        return trace(lambda: train(model, values)).peak


@pytest.mark.parametrize("name", MODELS)
def test_the_budget_is_kept_and_what_exchanges_bits_is_not_saved(name: str) -> None:
    model, values = made(name)
    known, flops = plan(model, memory="1GiB", inputs=values), []
    assert known.flops == 0
    with pytest.raises(TooLittleError, match=r"least is \d+, which (segment|the loss)") as caught:
        plan(model, memory=1, inputs=values, known=known)
    least = caught.value.least
    for share in (1.0, 1.5, 4.0):
        memory = int(least * share)
        known = plan(model, memory=memory, inputs=values, known=known)
        held = measured(model, values, known.schedule)
        assert held <= known.peak <= memory
        assert known.peak <= 1.03 * held
        flops.append(known.flops)
        steps = model.steps(model.interface.measure(values))
        for step, action in zip(steps, known.schedule, strict=True):
            assert not (step.segment.plan.metered and action.saves)
    assert flops == sorted(flops, reverse=True)


def test_the_moves_of_bits_are_the_same_under_every_schedule() -> None:
    model, values = made("valves")
    moves = moves_of(model, values)
    assert len(moves) == 2 + 2 * 2
    assert all(one.peak >= one.kept for one in moves)
    moving, still = Steps(model, values, moves), Steps(model, values)
    for schedule in ("invert", "keep", ["save"] + ["keep"] * 2 + ["save"] * 2):
        step, bare = moving(schedule), still(schedule)
        grown = sum(one.kept for one in moves[:3]) - 2 * values["a"].numel() // 16 * 4 * 4
        loss = (len(step.moments) // 2, False)
        assert step.moments[loss].before - bare.moments[loss].before == grown


def test_a_plan_needs_runs_that_can_be_undone_and_leaves_settings_alone(tmp_path: Path) -> None:
    model, values = made("valves")
    state = torch.get_rng_state()
    model.bits.spill = tmp_path / "tape"
    found = plan(model, memory="1GiB", inputs=values)
    assert found.flops == 0
    assert not (tmp_path / "tape").exists()
    assert torch.equal(state, torch.get_rng_state())
    assert model.bits == replace(model.bits, seed=None, spill=tmp_path / "tape")
    model.bits.mode = "deployed"
    for compiled in (False, True):
        with pytest.raises(BindError, match="deployed"):
            plan(model, memory="1GiB", inputs=values, compiled=compiled)


def test_it_is_said_where_what_bits_hold_is_not_counted(tmp_path: Path) -> None:
    model, values = made("valves")
    counted = plan(model, memory="1GiB", inputs=values)
    found = plan(model, memory="1GiB", inputs=values, measure=False)
    assert found.peak < counted.peak
    assert (counted.bits, found.bits) == (True, False)
    assert "what bits hold not counted" in report.summary(found)
    assert "not counted" not in report.summary(counted)
    with pytest.raises(TooLittleError, match=r"turn \d \(what bits hold not counted\) sets"):
        plan(model, memory=1, inputs=values, measure=False)
    again = plan(model, memory="1GiB", inputs=values, known=found)
    assert (again.bits, again.peak) == (True, counted.peak)
    spec = tmp_path / "net.rev"
    spec.write_text(MODELS["valves"] + "budget memory <= 1 KiB\n")
    denied = CliRunner().invoke(app, ["lint", str(spec), "-D", "B=2", "-D", "T=8", "--probe"])
    assert "(what bits hold not counted) sets: the budget is 1024" in denied.stdout


def test_nothing_is_run_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> int:
        raise AssertionError("a step is run")

    for name in ("step_bytes", "workspace", "moves_of"):
        monkeypatch.setattr(plan_module, name, never)
    spec = tmp_path / "net.rev"
    spec.write_text(MODELS["valves"])
    args = ["plan", str(spec), "-D", "B=2", "-D", "T=8", "--memory", "1GiB", "--format", "json"]
    found = CliRunner().invoke(app, [*args, "--no-measure"])
    answer = json.loads(found.stdout)
    assert (answer["extra_flops"], answer["bits_counted"]) == (0, False)
    assert isinstance(CliRunner().invoke(app, args).exception, AssertionError)


def test_the_command_line_plans_and_compiles_them(tmp_path: Path) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(MODELS["coded"])
    sizes = ["-D", "B=2", "-D", "T=8"]
    run = lambda *args: CliRunner().invoke(app, [*map(str, args)])  # noqa: E731
    found = run("plan", spec, *sizes, "--memory", "1MiB", "--format", "json")
    assert found.exit_code == 0
    schedule = json.loads(found.stdout)["schedule"]
    assert {"save", "invert"} == set(schedule)
    assert run("compile", spec, *sizes, "--memory", "1MiB", "-o", tmp_path / "net").exit_code == 0
    small = run("plan", spec, *sizes, "--memory", 10)
    assert (small.exit_code, "the least is" in small.stderr) == (1, True)
    page = run("plan", spec, *sizes, "--memory", "1MiB", "--format", "html", "--measure")
    assert page.exit_code == 0
    assert "measured" in page.stdout


def test_chunks_are_searched_for_them() -> None:
    model, values = made("valves")
    model.bits.seed = 5
    found = revc.plan_chunks(model, inputs=values, memory="1GiB", counts=(2,))
    assert found.chunks == (2, 1)
    assert found.model.bits.seed == 5
    assert found.planned.flops == 0
