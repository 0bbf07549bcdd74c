"""The bit cycle fails on a bit, on registers that changed places, and on what nobody saw."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from revc.audit import Subject, cycle
from revc.audit.subject import sha
from revc.runtime.metered.session import Session
from revc.runtime.metered.undoing import Undoing
from revc.runtime.run.run import Run
from revc.runtime.state import boundary
from tests.audit.subjects import subject


def test_a_bit_flipped_on_the_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_back = Session.turn_back

    def flipping(self: Session) -> Undoing:
        kept = turn_back(self)
        self.stacks["tape"].engine.state.heads[5] ^= 1 << 17
        return kept

    monkeypatch.setattr(Session, "turn_back", flipping)
    row = cycle.check(subject())
    assert row.met is False
    assert "differs first before the end" in row.detail


def test_a_bit_flipped_in_a_word_of_the_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_back = Session.turn_back

    def flipping(self: Session) -> Undoing:
        kept = turn_back(self)
        state = self.stacks["tape"].engine.state
        assert int(state.fill.min()) > 1
        state.words[2, 3] ^= 1  # row 0 is scratch
        return kept

    monkeypatch.setattr(Session, "turn_back", flipping)
    assert cycle.check(subject()).met is False


def test_a_bit_flipped_in_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    one = subject("lm")  # moves no bits: the state alone
    start = Run.start

    def flipping(self: Run, last: bool) -> dict[str, Tensor]:
        state = start(self, last)
        if torch._C._current_graph_task_id() < 0:  # no backward pass, then: an inverse
            next(iter(state.values())).reshape(-1)[7] ^= 1
        return state

    monkeypatch.setattr(Run, "start", flipping)
    row = cycle.check(one)
    assert row.met is False
    assert row.series["inverse"][0] == 0
    assert set(row.series["backward"]) == {1.0}


def test_parameters_that_are_not_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    take_steps = cycle._take_steps

    def drifting(one: Subject, params: list[Tensor], loss: Tensor) -> None:
        take_steps(one, params, loss)
        monkeypatch.setattr(Tensor, "copy_", lambda self, _: self)

    monkeypatch.setattr(cycle, "_take_steps", drifting)
    row = cycle.check(subject("lm"))
    assert row.met is False
    assert "steps taken back: differs first" in row.detail
    assert set(row.series["inverse"]) == {1.0}


def test_boundaries_that_nobody_sees_are_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def deaf(_: Callable[[list[Tensor]], None]) -> Iterator[None]:
        yield

    monkeypatch.setattr(cycle, "observing", deaf)
    row = cycle.check(subject())
    assert row.met is False
    assert row.value == 9 + 8 + 9


def test_registers_count_under_their_names() -> None:
    a, b = torch.tensor([1]), torch.tensor([2])
    assert sha([a, b], ("a", "b"), None) == sha([b, a], ("b", "a"), None)
    assert sha([a, b], ("a", "b"), None) != sha([b, a], ("a", "b"), None)


def test_several_steps_leave_parameters_and_gradients_as_they_were() -> None:
    one = subject("lm")
    one.steps = 3
    before = [p.detach().clone() for p in one.model.parameters()]
    assert cycle.check(one).met
    assert all(torch.equal(p, old) for p, old in zip(one.model.parameters(), before, strict=True))
    assert all(p.grad is None for p in one.model.parameters())


def test_programs_back_to_back_encode_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audited inverse starts from raw state: nothing is encoded on the way back."""
    one = subject("digits")
    watched = one.run()
    monkeypatch.setattr(boundary, "encode", None)
    seen: list[str] = []
    assert cycle._inverse(one, watched, seen)
    assert seen == watched.hashes[::-1]
