"""What a valve leaves behind: leaks of every kind are found, and chance is not."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from revc.audit import valves
from revc.audit.dependence import dependence
from revc.audit.valves import allowed, transformed
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Gaussian, Logistic, Mixture
from revc.runtime.metered import valve
from revc.runtime.metered.session import Session
from tests.audit.subjects import subject

Leak = Callable[[Tensor, Tensor], Tensor]


def _kept(old: Tensor, fresh: Tensor) -> Tensor:
    return old.clone()


def _mirrored(old: Tensor, fresh: Tensor) -> Tensor:
    """The old size with a fresh sign: no correlation at all."""
    return torch.where(fresh > 0, old.abs(), -old.abs())


def _partly(old: Tensor, fresh: Tensor) -> Tensor:
    """One element in four keeps what it held."""
    return torch.where(torch.arange(old.shape[-1]) % 4 == 0, old, fresh)


@pytest.mark.parametrize("leak", [_kept, _mirrored, _partly])
def test_a_valve_that_lets_the_old_value_through(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = subject(batch=16)
    assert valves.check(one).met
    run = valve.valve

    def leaking(session: Session, raw: Tensor, *rest: Any) -> Tensor:
        return leak(raw, run(session, raw, *rest))

    monkeypatch.setattr(valve, "valve", leaking)
    row = valves.check(one)
    assert row.met is False
    assert row.value is not None
    assert row.value > 5


def test_a_reservoir_that_returns_what_was_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stacks, always: popped from the tape, the old value comes back."""
    one = subject()
    run = valve.valve

    def single(session: Session, *rest: Any) -> Tensor:
        source, session.source = session.source, "tape"
        try:
            return run(session, *rest)
        finally:
            session.source = source

    monkeypatch.setattr(valve, "valve", single)
    row = valves.check(one)
    assert row.met is False


def test_independent_samples_stay_below_the_bound() -> None:
    random, above = torch.Generator().manual_seed(5), 0
    for trial in range(60):
        one, other = torch.randn(2, 600, generator=random, dtype=torch.float64)
        above += dependence(one, other, seed=trial).sigmas > allowed(1)
    assert above <= 2  # 0.0027 of 60 on average


def test_dependence_of_a_known_copula() -> None:
    random = torch.Generator().manual_seed(6)
    x, noise = torch.randn(2, 200_000, generator=random, dtype=torch.float64)
    found = dependence(x, 0.6 * x + 0.8 * noise)
    assert 0.28 < found.bits < 0.3219  # -1/2 log2(1 - 0.36), less what twelve bins lose
    assert found.sigmas > 50


@pytest.mark.parametrize("family", [Logistic, Gaussian, Mixture])
def test_the_transform_of_what_is_drawn_is_uniform_whatever_the_context(family: Any) -> None:
    random = torch.Generator().manual_seed(7)
    shape = (1, 20_000) if family is not Mixture else (1, 20_000, 3)
    loc = torch.randn(shape, generator=random) * 3
    scale = torch.rand(shape, generator=random) * 2 + 0.01  # some are below half a step
    parts = (loc, scale, 0.5) if family is not Mixture else (loc * 0, loc, scale, 0.5)
    by = family(*parts, bounded=True)
    u = transformed(by, BitStack(1, seed=8).pop(by)).flatten()
    counts = torch.histc(u.float(), 20, 0, 1)
    assert float(((counts - 1000).square() / 1000).sum()) < 43.8  # chi square, 19, 1 in 1000
    assert dependence(scale.reshape(20_000, -1)[:, 0], u).sigmas < allowed(1)
    assert dependence(loc.reshape(20_000, -1)[:, 0], u).sigmas < allowed(1)
