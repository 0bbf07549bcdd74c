"""Bounds on how full the lanes are: always true, exact when asked, and never a wait."""

from typing import Any

import pytest
import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.backends import default_backend
from revc.runtime.bits.dist import Table, Uniform
from revc.runtime.bits.errors import BackendError
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


def test_an_observation_counts_what_moved_since_it_was_taken() -> None:
    event: Any = Arrival()
    bounds = FillBounds(high=1000, low=0)
    bounds.pending = Snapshot(torch.tensor([40, 60]), event)
    bounds.widen(stored=10, taken=3)
    bounds._collect()
    assert (bounds.high, bounds.low) == (1010, 0), "nothing has arrived"
    event.here = True
    bounds._collect()
    assert (bounds.high, bounds.low) == (70, 37)
    assert bounds.pending is None


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
