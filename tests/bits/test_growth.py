"""Bounds on how full the lanes are: always true, exact when asked, and never a wait."""

from typing import Any

import pytest
import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.backends import default_backend
from revc.runtime.bits.dist import Table, Uniform
from revc.runtime.bits.engine import SPARE_ROWS
from revc.runtime.bits.errors import BackendError, LaneError
from revc.runtime.bits.growth import FillBounds, Snapshot
from tests.bits.programs import Program


@pytest.mark.parametrize("lanes", [1, 5, 32])
def test_bounds_hold_and_rows_suffice(lanes: int) -> None:
    stack = BitStack(2, lanes)
    program = Program(stack, lanes)
    undo = []
    for _ in range(400):
        undo.append(program.step())
        state, bounds = stack.engine.state, stack.engine.bounds
        assert bounds.low <= int(state.fill.min())
        assert int(state.fill.max()) <= bounds.high <= state.capacity - 3


class Arrival:
    """An event that has happened or not."""

    def __init__(self) -> None:
        self.here = False

    def query(self) -> bool:
        return self.here

    def synchronize(self) -> None:
        self.here = True


def test_an_observation_counts_what_moved_since_it_was_taken() -> None:
    event: Any = Arrival()
    bounds = FillBounds(high=1000, low=0)
    bounds.pending = Snapshot(torch.tensor([40, 60]), event)
    bounds.widen(stored=10, taken=3)
    bounds.moved(-20)
    bounds._collect()
    assert (bounds.high, bounds.low) == (990, -20), "nothing has arrived"
    event.here = True
    bounds._collect()
    assert (bounds.high, bounds.low) == (50, 17)
    assert bounds.pending is None


def test_who_waits_waits_for_what_was_asked() -> None:
    event: Any = Arrival()
    bounds = FillBounds(high=1000, low=0, pending=Snapshot(torch.tensor([40, 60]), event))
    bounds._collect(wait=True)
    assert event.here
    assert (bounds.high, bounds.low, bounds.pending) == (60, 40, None)


def test_observations_never_loosen() -> None:
    event: Any = Arrival()
    event.here = True
    bounds = FillBounds(high=50, low=45, pending=Snapshot(torch.tensor([10, 90]), event))
    bounds._collect()
    assert (bounds.high, bounds.low) == (50, 45)


def test_memory_follows_the_bits_and_not_the_worst_case() -> None:
    stack = BitStack(1)
    cheap = Table(torch.tensor([65000, 536]))
    stack.push(torch.zeros(1, 2_000_000, dtype=torch.int32), cheap)
    assert int(stack.engine.state.fill.max()) < 100
    assert stack.engine.state.capacity < 25_000


def test_reserved_room_is_there() -> None:
    stack = BitStack(1, 2)
    stack.reserve(5000)
    words = stack.engine.state.words
    stack.push(torch.zeros(1, 9000, dtype=torch.int64), Uniform(1 << 16))
    assert stack.engine.state.words is words


def test_no_backend_for_other_devices() -> None:
    assert default_backend(torch.device("cuda")) == "triton"
    with pytest.raises(BackendError, match="mps"):
        default_backend(torch.device("mps"))


def test_a_trimmed_stack_has_its_words_and_little_more() -> None:
    stack, model = BitStack(2, 3), Uniform(9)
    symbols = torch.arange(2 * 9000).reshape(2, 9000) * 7919 % 9
    stack.push(symbols, model)
    before = stack.digest()
    stack.trim()
    state = stack.engine.state
    assert state.capacity <= int(state.fill.max()) + SPARE_ROWS
    assert stack.digest() == before
    assert torch.equal(stack.pop(model, symbols.shape).long(), symbols)
    assert bool(stack.untouched().all())


def test_what_a_trim_gave_up_is_not_returned_to() -> None:
    stack, model = BitStack(1, 2), Uniform(40503)
    stack.push(torch.zeros(1, 9000, dtype=torch.int64), model)
    saved, known = stack.save(), stack.save(words=True)
    stack.pop(model, (1, 8000))
    stack.trim()
    with pytest.raises(LaneError, match=r"save\(words=True\)"):
        stack.rewind(saved)
    assert not bool(stack.is_at(known).any())


def test_a_state_with_its_words_is_returned_to_after_a_trim() -> None:
    stack, model = BitStack(1, 2), Uniform(40503)
    stack.push(torch.zeros(1, 9000, dtype=torch.int64), model)
    before, saved = stack.digest(), stack.save(words=True)
    stack.pop(model, (1, 8000))
    stack.trim()
    stack.rewind(saved)
    assert stack.digest() == before


@pytest.mark.parametrize("factor", [32, torch.tensor([[1000, 1, 1024]])])
def test_to_undo_what_has_grown_a_stack_takes_no_room(factor: int | torch.Tensor) -> None:
    stack = BitStack(1, 4)
    x = (torch.arange(60_000).reshape(1, -1) * 7919 - 10**6).int()
    n = torch.as_tensor(factor).reshape(1, -1)
    n = n if n.numel() == 1 else n.repeat(1, 20_000)
    y = stack.scale(x, n, 10)
    stack.trim()
    words = stack.engine.state.words
    assert torch.equal(stack.unscale(y, n, 10), x)
    assert stack.engine.state.words is words
    assert bool(stack.untouched().all())


def test_room_is_there_where_undoing_may_grow_a_stack() -> None:
    stack = BitStack(1, 1)
    x = torch.arange(20_000, dtype=torch.int32).reshape(1, -1)
    n = torch.full((1, 1), 1 << 16)
    y = stack.unscale(x, n, 0)
    state = stack.engine.state
    assert int(state.fill.max()) > 15_000
    assert int(state.fill.max()) <= stack.engine.bounds.high <= state.capacity - 3
    assert torch.equal(stack.scale(y, n, 0), x)
