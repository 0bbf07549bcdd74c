"""Ledger, budgets and coder gap fail on books that are off and on a coder that wastes."""

from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.audit import budgets, gap, ledger, parameters
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import Logistic, Table
from revc.runtime.metered import budgeting, distributions
from revc.runtime.metered.books import Moved
from revc.runtime.metered.session import Session
from tests.audit.subjects import dropping, given, only, subject


def test_a_booking_that_is_off_by_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, done = Session.moved, list[str]()

    def off(self: Session, name: str, meter: str) -> Moved:
        found = moved(self, name, meter)
        if not done:
            self.books.written.book(meter, torch.ones_like(found.change))
            done.append(meter)
        return found

    monkeypatch.setattr(Session, "moved", off)
    row = ledger.check(subject())
    assert (row.met, row.value) == (False, 1)
    assert "va written off by 1 x 2^-20 bit" in row.detail


def test_undoing_that_is_booked_to_another_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The totals agree: only meter by meter is it seen."""
    moved, other = Session.moved, {"va": "vb", "vb": "va"}

    def exchanged(self: Session, name: str, meter: str) -> Moved:
        return moved(self, name, other[meter] if self.back else meter)

    monkeypatch.setattr(Session, "moved", exchanged)
    row = ledger.check(subject())
    assert row.met is False
    assert "undone, va written beside the run off by" in row.detail


def test_bits_that_nobody_books(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Session.finish

    def late(self: Session) -> None:
        zeros = torch.zeros(self.sequences, 1, dtype=torch.int32)
        self.stacks["tape"].push(zeros, Table(torch.tensor([32768, 32768])))
        finish(self)

    monkeypatch.setattr(Session, "finish", late)
    row = ledger.check(subject())
    assert row.met is False
    assert "stack tape off by" in row.detail


def test_a_coder_that_spends_twice_is_seen_by_both_oracles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("constriction")
    one = subject()
    assert all(f.met for f in gap.check(one))
    push = Logistic.push

    def wasting(self: Logistic, stack: Any, symbols: Tensor) -> None:
        push(self, stack, symbols)
        push(self, stack, symbols)

    monkeypatch.setattr(Logistic, "push", wasting)
    assert [f.met for f in gap.check(one)] == [False, False]


def test_a_small_meter_does_not_hide_behind_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wasted bits in one sequence's mask: little of the whole, much of the meter."""
    one = dropping()
    assert all(f.met is not False for f in gap.check(one))
    push = Table.push

    def wasting(self: Table, stack: Any, symbols: Tensor) -> None:
        push(self, stack, symbols)
        push(self, stack, symbols[:, :1].contiguous())

    monkeypatch.setattr(Table, "push", wasting)
    row = only(gap.check(one), "coder gap to Shannon")
    assert row.met is False


def test_lengths_that_lie_are_caught_by_constriction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shannon's own count could be wrong as the coder is: constriction does not use it."""
    pytest.importorskip("constriction")
    one, push, exact = subject(), Logistic.push, Logistic.exact_length

    def wasting(self: Logistic, stack: Any, symbols: Tensor) -> None:
        push(self, stack, symbols)
        Table(torch.tensor([32768, 32768])).push(stack, torch.zeros_like(symbols))  # unrecorded

    def lying(self: Logistic, symbols: Tensor) -> Tensor:
        return exact(self, symbols) + (0 if self.bounded else 1 << 32)

    monkeypatch.setattr(Logistic, "push", wasting)
    monkeypatch.setattr(Logistic, "exact_length", lying)
    shannon, other = gap.check(one)
    assert shannon.met
    assert other.met is False


def test_a_bucket_that_is_overdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    one = subject()
    one.model.throttle["va"] = 0.9
    assert all(f.met for f in budgets.check(one))
    finish = Session.finish

    def overdrawn(self: Session) -> None:
        finish(self)
        self.charged = {name: torch.full_like(had, 1 << 60) for name, had in self.charged.items()}

    monkeypatch.setattr(Session, "finish", overdrawn)
    (row,) = budgets.check(one)
    assert row.met is False
    assert "enforced" in row.detail


def test_a_bucket_that_lets_everything_pass_uncharged(monkeypatch: pytest.MonkeyPatch) -> None:
    one = subject()
    one.model.throttle["va"] = 0.5
    monkeypatch.setattr(budgeting, "_charged", lambda *a: torch.ones(8, dtype=torch.bool))
    (row,) = budgets.check(one)
    assert row.met is False
    assert "its bucket was charged 0.000" in row.detail


def test_a_bucket_that_is_filled_by_more_than_the_spec_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = subject()
    one.model.throttle["va"] = 0.5
    monkeypatch.setattr(budgeting, "earned", lambda *_: 1 << 52)
    (row,) = budgets.check(one)
    assert row.met is False


@pytest.mark.parametrize("wrong", ["location", "scale"])
def test_a_coder_that_reads_its_parameters_otherwise(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    plain = distributions.unpack

    def off(*args: Any) -> Any:
        logits, loc, scale = plain(*args)
        return (logits, loc + 0.1, scale) if wrong == "location" else (logits, loc, scale * 1.1)

    assert parameters.check(subject()).met is True
    monkeypatch.setattr(distributions, "unpack", off)
    row = parameters.check(subject())
    assert row.met is False
    assert row.value is not None
    assert row.value > 0.05


@pytest.mark.parametrize("name", ["digits", "pixels", "classify"])
def test_coded_distributions_are_those_of_their_parameters(name: str) -> None:
    row = parameters.check(subject(name))
    assert row.met is True
    assert row.value is not None
    assert row.value < 1e-5


def test_a_mean_above_its_bound_fails_even_if_it_is_said_to_be_proved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = subject("classify")
    (row,) = budgets.check(one)
    assert row.met
    finish = Session.finish

    def spending(self: Session) -> None:
        finish(self)
        self.books.drawn.book("out", self.books.drawn.zeros() + 5 * UNIT)

    monkeypatch.setattr(Session, "finish", spending)
    (row,) = budgets.check(one)
    assert row.met is False
    assert "proved" in row.detail


PLAIN = """
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model Net(a, b: [B, c]) -> (b: [B, c]) {
  put a by logistic(linear(b), step = 1/16) as code
}
budget net(Net.code) <= 150 bits/example
"""


def test_a_net_budget_that_no_bucket_enforces_is_measured() -> None:
    """A put cannot be throttled: nothing keeps it below its bound."""
    one = given(revc.compile(PLAIN), 8, batch=8)
    one.inputs["a"] *= 20
    (row,) = budgets.check(one)
    assert row.met is False
    assert row.value > 150
    assert row.detail.startswith("measured")
