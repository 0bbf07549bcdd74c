"""Stacks that spill behave as stacks that do not, and a killed process leaves a whole stack."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.copies import StreamCopies
from revc.runtime.bits.dist import Logistic, Uniform
from revc.runtime.bits.errors import DamagedTapeError, LaneError, TruncatedTapeError
from revc.runtime.bits.filespill import FileSpill, recover
from revc.runtime.bits.spill import HostSpill, SpillStore
from tests.bits.lagging import EarlyQueue, LateQueue
from tests.bits.programs import Program
from tests.hostile import flips, little_memory, little_time

Make = Callable[[Path], SpillStore]
STORES = pytest.mark.parametrize(
    "make",
    [
        lambda p: HostSpill(4),
        lambda p: HostSpill(64),
        lambda p: HostSpill(4, StreamCopies(EarlyQueue())),
        lambda p: HostSpill(4, StreamCopies(LateQueue())),
        lambda p: FileSpill(p / "s", block=4),
        lambda p: FileSpill(p / "s", block=32, marks=False),
    ],
    ids=["host4", "host64", "early4", "late4", "file4", "file32"],
)


@STORES
def test_spilling_changes_nothing(make: Make, tmp_path: Path) -> None:
    plain, stack = BitStack(2, 3, seed=5), BitStack(2, 3, seed=5)
    store = make(tmp_path)
    stack.spill_to(store)
    one, two = Program(plain, 7), Program(stack, 7)
    undo, most = [], 0
    for turn in range(500):
        undo.append((one.step(), two.step()))
        most = max(most, store.rows)
        state = stack.engine.state
        assert int(state.fill.max()) <= stack.engine.bounds.high <= state.capacity - 3
        assert int(state.fill.min()) >= stack.engine.bounds.low
        if turn % 125 == 0:
            assert torch.equal(plain.size(), stack.size())
            assert torch.equal(plain.physical(), stack.physical())
            assert plain.digest() == stack.digest()
    assert most >= 2 * store.block
    assert int(stack.engine.state.fill.max()) < int(plain.engine.state.fill.max())
    for back_one, back_two in reversed(undo):
        back_one()
        back_two()
    assert plain.digest() == stack.digest()
    assert bool(stack.untouched().all())
    assert store.rows == 0
    store.close()


@STORES
def test_large_pushes_and_pops_go_in_pieces(make: Make, tmp_path: Path) -> None:
    stack = BitStack(1, 2)
    store = make(tmp_path)
    stack.spill_to(store)
    symbols = torch.randint(0, 1 << 16, (1, 3000))
    loc = torch.zeros(1, 500)
    stack.push(symbols, Uniform(1 << 16))
    stack.push(symbols[:, :500] - 30000, Logistic(loc, loc + 900))
    assert stack.engine.state.capacity < 400
    assert torch.equal(stack.pop(Logistic(loc, loc + 900)).long(), symbols[:, :500] - 30000)
    assert torch.equal(stack.pop(Uniform(1 << 16), (1, 3000)).long(), symbols)
    assert bool(stack.untouched().all())
    store.close()


def test_stores_are_for_one_stack(tmp_path: Path) -> None:
    stack, store = BitStack(1, 1), HostSpill(2)
    stack.spill_to(store)
    with pytest.raises(LaneError, match="already has"):
        stack.spill_to(HostSpill(2))
    stack.push(torch.zeros(1, 99).int(), Uniform(60000))
    with pytest.raises(LaneError, match="starts empty"):
        BitStack(1, 1).spill_to(store)
    for make in (HostSpill, lambda block: FileSpill(tmp_path / "s", block=block)):
        with pytest.raises(LaneError, match="at least 2 rows"):
            make(1)
    empty = FileSpill(tmp_path / "s")
    with pytest.raises(IndexError):
        empty.take(torch.device("cpu"))
    empty.close()


def spilled(path: Path) -> tuple[list[str], bytes]:
    """Digests of a stack after each push, and the file it spilled to."""
    stack = BitStack(1, 2, seed=3)
    store = FileSpill(path, {"program": "p"}, block=4)
    stack.spill_to(store)
    digests = []
    for turn in range(12):
        symbols = torch.randint(0, 99, (1, 21), generator=torch.Generator().manual_seed(turn))
        stack.push(symbols, Uniform(99))
        digests.append(stack.digest())
    store.close()
    return digests, path.read_bytes()


def test_a_cut_file_gives_back_the_last_whole_mark(tmp_path: Path) -> None:
    path = tmp_path / "s"
    digests, data = spilled(path)
    assert recover(path).digest() in digests
    seen, none = [], 0
    with little_memory():
        for length in range(len(data) + 1):
            path.write_bytes(data[:length])
            try:
                with little_time():
                    seen.append(digests.index(recover(path).digest()))
            except TruncatedTapeError:
                none += 1
    assert seen == sorted(seen)
    assert len(set(seen)) >= 5
    assert 0 < none < len(data)


def test_a_damaged_file_gives_back_only_true_stacks(tmp_path: Path) -> None:
    path = tmp_path / "s"
    digests, data = spilled(path)
    whole = recover(path).digest()
    with little_memory():
        for _, spoilt in islice(flips(data), 0, None, 3):  # a flip a byte
            path.write_bytes(spoilt)
            try:
                with little_time():
                    found = recover(path).digest()
            except (TruncatedTapeError, DamagedTapeError):
                continue
            assert found in digests
            assert found != whole


KILLED = """
import sys, torch
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.filespill import FileSpill
stack = BitStack(1, 4, seed=2)
stack.spill_to(FileSpill(sys.argv[1], block=16))
random = torch.Generator().manual_seed(0)
print("ready", flush=True)
while True:
    stack.push(torch.randint(0, 1 << 16, (1, 256), generator=random), Uniform(1 << 16))
"""


def test_kill_9_leaves_a_whole_stack(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not path.exists() or path.stat().st_size < 1 << 16:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    stack = recover(path)
    words = int(stack.engine.state.fill.min())
    assert words > 300
    turns = round(float(stack.size()[0] - BitStack(1, 4, seed=2).size()[0]) / UNIT / 4096)
    random = torch.Generator().manual_seed(0)
    pushed = [torch.randint(0, 1 << 16, (1, 256), generator=random) for _ in range(turns)]
    for symbols in reversed(pushed):
        assert torch.equal(stack.pop(Uniform(1 << 16), (1, 256)).long(), symbols)
    assert bool(stack.untouched().all())
