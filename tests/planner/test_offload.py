"""Plans that offload: where copies are cheaper than computing again, and never unasked."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import revc
from revc.cli.app import app
from revc.errors import ScheduleError
from revc.planning.costs import REBUILD, costs_of
from revc.planning.link import link_of
from revc.planning.lowest import lowest
from revc.planning.plan import plan
from revc.planning.step import Steps
from revc.planning.workspace import workspace
from revc.runtime.offload import Offloaded
from tests.planner.test_models import made, measured

FAST, SLOW = ("100TB/s", 1e6), ("1kB/s", 1e15)


def between(steps: Steps, share: float) -> int:
    """Return a budget between what inverting and what saving holds."""
    least, most = (steps(way).peak for way in ("invert", "save"))
    return int(least + (most - least) * share)


@pytest.mark.parametrize("name", ["layers", "stages", "float state", "brought"])
def test_the_budget_is_kept_with_the_least_copies_and_operations(name: str) -> None:
    model, values = made(name)
    how: Any = {"inputs": values, "measure": False}
    without, found = plan(model, memory="1GiB", **how), None
    steps = Steps(model, values)
    extra = workspace(model, values, steps)
    for share in (0.2, 0.7):
        memory = between(steps, share)
        found = plan(model, memory=memory, known=found, offload=FAST[0], flops=FAST[1], **how)
        without = plan(model, memory=memory, known=without, **how)
        assert found.peak <= memory
        assert found.bound <= found.flops <= without.flops + REBUILD * len(found.schedule)
        step = steps(found.schedule)
        link = link_of(*FAST)
        assert link is not None
        assert found.peak == step.peak
        model.schedule = found.schedule
        held = measured(model, values)
        model.zero_grad(set_to_none=True)
        assert held <= found.peak + extra
        assert found.host == step.host
        copies = link.operations(found.host)
        assert found.flops == pytest.approx(step.flops - found.costs.flops + copies)
        assert (found.host > 0) == any(action.kind == "offload" for action in found.schedule)


def test_cheap_copies_are_taken_and_dear_ones_are_not() -> None:
    model, values = made("layers")
    memory = between(Steps(model, values), 0.4)
    kinds = []
    for offload, flops in (FAST, SLOW):
        found = plan(model, memory=memory, inputs=values, measure=False, offload=offload,
                     flops=flops)  # fmt: skip
        kinds.append({action.kind for action in found.schedule})
    assert "offload" in kinds[0]
    assert "offload" not in kinds[1]
    assert found.schedule == plan(model, memory=memory, inputs=values, measure=False).schedule


def test_nothing_is_kept_on_the_device_of_what_is_offloaded() -> None:
    model, values = made("layers")
    costs = costs_of(Steps(model, values), link_of(*FAST))
    for cost, actions, again in zip(costs.segments, costs.actions, costs.again, strict=True):
        if "offload" not in map(str, actions):
            assert not again[0], "it has nothing to copy"
            continue
        way = cost.ways[-2]
        assert (str(actions[-2]), str(actions[-1])) == ("offload", "save")
        assert (way.kept, way.rebuilds, way.time) == (cost.ways[0].kept, False, again[-2])


@pytest.mark.parametrize("name", ["layers", "stages", "float state"])
def test_what_lies_on_the_host_lowers_the_least_budget(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does where nothing is fetched ahead: then one segment's residuals are there at once."""
    model, values = made(name)
    link = link_of(*FAST)
    least = lowest(costs_of(Steps(model, values))).step.peak
    with_host = lowest(costs_of(Steps(model, values), link)).step.peak
    assert with_host <= least if name == "float state" else with_host < least
    alone = Steps(model, values)("offload").peak
    monkeypatch.setattr(Offloaded, "overlaps", True)
    monkeypatch.setattr(Offloaded, "_copies_beside", False)  # as where there are no numbers
    assert Steps(model, values)("offload").peak > alone


def test_an_earlier_plan_is_taken_up_only_where_copies_cost_the_same() -> None:
    model, values = made("layers")
    memory = between(Steps(model, values), 0.4)
    first = plan(model, memory=memory, inputs=values, measure=False)
    then = plan(model, memory=memory, inputs=values, measure=False, known=first,
                offload=FAST[0], flops=FAST[1])  # fmt: skip
    assert then.costs is not first.costs
    again = plan(model, memory=memory, inputs=values, measure=False, known=then,
                 offload=FAST[0], flops=FAST[1])  # fmt: skip
    assert again.costs is then.costs


@pytest.mark.parametrize(
    ("offload", "flops", "words"),
    [
        ("12GB/s", None, "say both"),
        (None, 1e12, "say both"),
        ("12 parsecs", 1e12, "is no size"),
        ("0", 1e12, "offload = 0: want a rate above zero"),
        (1e9, float("nan"), "flops = nan"),
        (-1.0, 1e12, r"offload = -1\.0"),
    ],
)
def test_what_is_no_rate_is_refused(
    offload: float | str | None, flops: float | None, words: str
) -> None:
    with pytest.raises(ScheduleError, match=words):
        link_of(offload, flops)


def test_the_command_line_offloads(tmp_path: Path) -> None:
    spec = tmp_path / "net.rev"
    spec.write_text(
        "use std.nets: mlp\ndim B, c = 8\nstate lattice(Q12.20)\n"
        "model Net(a, b: [B, c]) {\n  repeat 4 { a += mlp(b, width = 128) }\n}\n"
    )
    model = revc.compile(str(spec), dims={"B": 64})
    values = {name: torch.zeros(64, 8) for name in "ab"}
    memory = between(Steps(model, values), 0.4)
    args = ["-D", "B=64", "--memory", str(memory), "--offload", FAST[0], "--flops", str(FAST[1])]
    run = lambda *more: CliRunner().invoke(app, list(more))  # noqa: E731
    found = run("plan", str(spec), *args, "--format", "json")
    answer = json.loads(found.stdout)
    assert "offload" in answer["schedule"]
    assert answer["host"] > 0
    assert "on the host, whose copies count" in run("plan", str(spec), *args).stdout
    assert "offload" in run("compile", str(spec), *args, "--emit", "ir").stdout
    assert run("plan", str(spec), *args[:6]).exit_code == 2
