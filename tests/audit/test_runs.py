"""Randomness, kernels and drift fail on nets that draw, do not repeat, or lose digits."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from revc.audit import audit, drift, kernels, randomness
from revc.runtime.metered.session import Session
from tests.audit.subjects import brought, only, subject


class Noisy(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * torch.rand(())


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Noisy(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_what_a_captured_net_draws_is_counted() -> None:
    given = brought(nn.Sequential(Outer(), nn.Dropout(0.5)))
    row = randomness.check(given)
    assert row.met is True, row.detail
    assert [found.detail for found in audit(given) if found.met is False] == []


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_a_net_that_draws_from_python_or_numpy_is_named(draw: Any) -> None:
    class Draws(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 0 * float(draw())

    row = randomness.check(brought(Draws(6, 6)))
    assert row.met is False
    assert "was advanced by net" in row.detail


def test_bits_that_no_meter_drew(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Session.finish

    def thief(self: Session) -> None:
        finish(self)
        from revc.runtime.bits.dist import Uniform

        self.stacks["reservoir"].pop(Uniform(7), (self.sequences, 3))

    monkeypatch.setattr(Session, "finish", thief)
    row = randomness.check(subject())
    assert row.met is False
    assert "reservoirs gave" in row.detail


class Changing(nn.Linear):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) + 0.01 * self.calls


def test_a_net_that_does_not_repeat_ends_the_audit() -> None:
    found = audit(brought(Changing(6, 6)))
    assert [f.name for f in found] == ["deterministic kernels"]
    assert found[0].met is False
    assert "differ first" in found[0].detail


class Choosing(nn.Linear):
    """Turns a back end of attention off, for all that runs after it."""

    def forward(self, x: Tensor) -> Tensor:
        torch.backends.cuda.enable_flash_sdp(False)
        return super().forward(x)


def test_a_net_that_changes_what_kernels_are_chosen_by_is_named() -> None:
    try:
        row = kernels.check(brought(Choosing(6, 6)))
    finally:
        torch.backends.cuda.enable_flash_sdp(True)
    assert row.met is False
    assert row.detail.startswith("net ")
    assert "flash_sdp (True, here False)" in row.detail


class Putting(nn.Linear):
    """``put_`` has no deterministic kernel, on any device."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y.clone().put_(torch.tensor([0]), y.detach()[:1, 0])


def test_an_operator_without_a_deterministic_kernel_is_named_with_its_net() -> None:
    row = kernels.check(brought(Putting(6, 6)))
    assert row.met is False
    assert "aten.put_.default in net" in row.detail
    assert "(segment line 6)" in row.detail
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_tape_that_differs_between_runs_of_equal_state(monkeypatch: pytest.MonkeyPatch) -> None:
    finish, count = Session.finish, iter(range(1, 9))

    def other(self: Session) -> None:
        finish(self)
        self.stacks["tape"].engine.state.heads[0] ^= next(count)

    monkeypatch.setattr(Session, "finish", other)
    row = kernels.check(subject())
    assert (row.met, row.value) == (False, 1)


def test_float_state_that_cannot_be_rebuilt() -> None:
    far = nn.Linear(6, 6)
    nn.init.constant_(far.weight, 300.0)
    assert drift.check(brought(far, "float32")).met is False


def test_one_float_element_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its median is that of a good rebuild."""
    one = brought(nn.Linear(6, 6), "float32")
    inverse = type(one.model).inverse

    def wrong(self: Any, out: Any) -> Any:
        a, b = (value.clone() for value in inverse(self, out))
        a[0, 0] += 5
        return a, b

    monkeypatch.setattr(type(one.model), "inverse", wrong)
    assert drift.check(one).met is False


@pytest.mark.parametrize("numerics", ["float32", "lattice(Q12.20)"])
def test_the_bound_on_drift_is_an_option(numerics: str) -> None:
    one = brought(nn.Linear(6, 6), numerics)
    one.ulps = 1e-9
    assert drift.check(one).met is (numerics != "float32")


def test_one_lattice_unit_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    one = brought(nn.Linear(6, 6))
    inverse = type(one.model).inverse

    def wrong(self: Any, out: Any) -> Any:
        a, b = (value.clone() for value in inverse(self, out))
        b[1, 2] += 2.0**-20
        return a, b

    monkeypatch.setattr(type(one.model), "inverse", wrong)
    row = only(drift.check(one), "reconstruction drift")
    assert (row.met, row.value) == (False, 1)
