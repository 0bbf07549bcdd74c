"""Plans with codes: only where asked for, within both budgets, and said to be approximate."""

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("pywt")

import revc
from revc.errors import BindError, ScheduleError
from revc.passes.schedule.chain import Chain
from revc.passes.schedule.errors import InfeasibleError, PlanError
from revc.passes.schedule.plan import Action, Plan
from revc.planning.lossy import policy
from revc.planning.meter import trace
from revc.planning.modules.plan import named
from revc.planning.modules.runner import PlannedModule
from revc.planning.modules.step import measured
from tests.planner.nets import Gated, Residual, RootNorm

CPU = torch.device("cpu")


def made() -> tuple[nn.Sequential, Tensor]:
    torch.manual_seed(0)
    blocks = [Residual(RootNorm(32), Gated(32, 64)) for _ in range(3)]
    net = nn.Sequential(nn.Linear(4, 32), *blocks, nn.Linear(32, 4))
    places = torch.linspace(0, 9, 128)[:, None] * torch.tensor([1.0, 1.4, 2.0, 0.3])
    return net, torch.sin(places + torch.arange(4)[:, None, None])


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    return policy.gradients(module, [x], CPU)


@pytest.mark.parametrize("bits", [2.0, 8.0])
def test_results_are_exact_and_gradients_near(bits: float) -> None:
    net, x = made()
    full = revc.plan(net, x, memory="1GiB")
    plan = Plan((Action.COMPRESS,) * len(full.schedule))
    every = dict.fromkeys(range(1, len(full.schedule) + 1), bits)
    module = PlannedModule(named(net), full.module.cuts, plan, every)
    assert torch.equal(module(x), full.module(x))
    off = policy.relative(gradients(module, x), gradients(full.module, x))
    assert 0 < off < (0.3 if bits == 2 else 0.005)
    assert gradients(module, x)[0].equal(gradients(module, x)[0])


def test_codes_are_counted_by_the_meter() -> None:
    net, x = made()
    full = revc.plan(net, x, memory="1GiB")
    plan = Plan((Action.COMPRESS,) * len(full.schedule))
    kept = {}
    for bits in (2.0, 8.0):
        every = dict.fromkeys(range(1, len(full.schedule) + 1), bits)
        module = PlannedModule(named(net), full.module.cuts, plan, every)
        module(x)
        kept[bits] = trace(lambda run=module: run(x)).kept  # type: ignore[misc]
    values = sum(full.kept) / 4
    assert 3 * values / 8 < kept[8.0] - kept[2.0] < 7 * values / 8


def test_both_budgets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "OPERATIONS", 1.0)  # else to compute again costs less
    net, x = made()
    full = revc.plan(net, x, memory="1GiB")
    planned = revc.plan(net, x, memory=full.peak * 3 // 4, lossy=0.05)
    assert Action.COMPRESS in planned.schedule
    assert measured(planned.module, [x], CPU) <= planned.memory
    exact = gradients(full.module, x)
    assert policy.relative(gradients(planned.module, x), exact) == planned.gradient_error
    assert 0 < planned.gradient_error <= 0.05
    assert "gradients are approximate" in str(planned)
    assert " bits" in str(planned)


def test_nothing_is_approximate_unless_it_is_asked_for_and_pays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, x = made()
    peak = revc.plan(net, x, memory="1GiB").peak
    monkeypatch.setattr(policy, "OPERATIONS", 1.0)
    assert Action.COMPRESS not in revc.plan(net, x, memory=peak * 3 // 4).schedule
    assert Action.COMPRESS not in revc.plan(net, x, memory=peak, lossy=0.5).schedule
    monkeypatch.setattr(policy, "OPERATIONS", 1e9)
    planned = revc.plan(net, x, memory=peak * 3 // 4, lossy=0.5)
    assert Action.COMPRESS not in planned.schedule
    assert planned.gradient_error == 0
    assert "approximate" not in str(planned)


def test_what_lossy_refuses() -> None:
    net, x = made()
    with pytest.raises(BindError, match="above 0"):
        revc.plan(net, x, memory=1, lossy=0.0)
    with pytest.raises(BindError, match="measure is not False"):
        revc.plan(net, x, memory=1, lossy=0.1, measure=False)
    with pytest.raises(BindError, match="inputs need numbers"):
        revc.plan(net, x.to("meta"), memory=1, lossy=0.1)
    with pytest.raises(ScheduleError, match=r"no plan fits 1: .*and with codes"):
        revc.plan(net, x, memory=1, lossy=0.1)


def test_a_chain_knows_no_codes() -> None:
    segment = {"name": "a", "kind": "opaque", "t_fwd": 1.0, "t_bwd": 1.0}
    sizes = {"out_bytes": 1, "resid_bytes": 1, "peak_bytes": 1}
    chain = Chain.model_validate(
        {"name": "c", "input_bytes": 1, "segments": [{**segment, **sizes}]}
    )
    with pytest.raises(PlanError, match="COMPRESS is for modules"):
        Plan.of(["COMPRESS"]).check(chain)


def test_too_little_without_codes_is_an_error_of_its_own() -> None:
    net, x = made()
    with pytest.raises(InfeasibleError):
        revc.plan(net, x, memory=1)
