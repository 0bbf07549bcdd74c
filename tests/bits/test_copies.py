"""Blocks stream out and in beside the work, and no more than a window of a tape stays."""

import pytest
import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.copies import SLOTS, StreamCopies
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.engine import WINDOW
from revc.runtime.bits.spill import BLOCK_BYTES, HostSpill, block_for
from tests.bits.lagging import EarlyQueue, LateQueue, lag

MODEL = Uniform(1 << 16)
BLOCK, LANES = 8, 16
PARTS = torch.randint(0, 1 << 16, (60, 1, 5 * LANES), generator=torch.Generator().manual_seed(1))
"""Each of 5 steps, and of as many words a lane."""


def block(number: int) -> Tensor:
    return torch.full((BLOCK, LANES), number, dtype=torch.int16)


@pytest.mark.parametrize("queue", [EarlyQueue(), LateQueue()], ids=["early", "late"])
def test_each_block_is_copied_once_and_the_next_is_called_ahead(queue: EarlyQueue) -> None:
    store = HostSpill(BLOCK, StreamCopies(queue))
    rows = block(0)
    for number in range(9):
        store.put(rows.fill_(number))
    assert len(queue.jobs) == 9
    assert queue.joins == 9 - SLOTS, "a slot is written again when its copy has left"
    for number in reversed(range(9)):
        assert torch.equal(store.take(queue.device), block(number))
        assert len(queue.jobs) == 9 + min(9, 9 - number + 1), "and the one before is on its way"
    assert queue.waits == 0, "the host waits for no copy"
    with pytest.raises(IndexError):
        store.take(queue.device)


def test_what_was_called_too_early_is_still_there() -> None:
    queue = LateQueue()
    store = HostSpill(BLOCK, StreamCopies(queue))
    for number in range(4):
        store.put(block(number))
    assert torch.equal(store.take(queue.device), block(3))
    for number in (4, 5, 6):
        store.put(block(number))
    assert [int(rows[0, 0]) for rows in store.blocks()] == [0, 1, 2, 4, 5, 6]
    for number in (6, 5, 4, 2, 1, 0):
        assert torch.equal(store.take(queue.device), block(number))
    assert store.rows == 0


def test_copies_take_two_blocks_of_a_device() -> None:
    store = HostSpill(BLOCK, StreamCopies(LateQueue()))
    assert store.on_device() == 0
    for _ in range(3):
        for number in range(20):
            store.put(block(number))
        for _ in range(20):
            store.take(torch.device("cpu"))
    assert store.on_device() == SLOTS * block(0).nbytes


@pytest.mark.parametrize("ahead", [True, False])
def test_a_lagging_device_holds_a_window(ahead: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if ahead:
        looks = lag(monkeypatch)
    queue = LateQueue()
    plain, stack = (BitStack(1, LANES, seed=3, check="later") for _ in range(2))
    store = HostSpill(BLOCK, StreamCopies(queue))
    stack.spill_to(store)
    for part in PARTS:
        plain.push(part, MODEL)
        stack.push(part, MODEL)
    state = stack.engine.state
    assert store.rows >= 5 * len(PARTS) - (WINDOW + 2) * BLOCK
    for part in PARTS.flip(0):
        assert torch.equal(stack.pop(MODEL, part.shape).long(), part)
        plain.pop(MODEL, part.shape)
        assert state.capacity <= 2 * (WINDOW + 2) * BLOCK
    assert plain.digest() == stack.digest()
    assert bool(stack.untouched().all())
    if ahead:
        assert looks.waited, "else it would never know that rows can go out"
        assert len(looks.waited) <= 2 * len(PARTS) * 5 / BLOCK + 2, "at most a look for each block"


@pytest.mark.parametrize(("lanes", "rows"), [(1, 1024), (1024, 1024), (16384, 64), (1 << 30, 2)])
def test_blocks_are_of_some_megabytes(lanes: int, rows: int) -> None:
    assert block_for(lanes) == rows
    assert rows == 2 or rows * lanes * 2 <= BLOCK_BYTES
