"""Spill files that cannot be written, read back or reached: said once, plainly, and never hung."""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from revc.errors import OutputError
from revc.runtime.bits import BitStack
from revc.runtime.bits.container import save
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.errors import SpillError
from revc.runtime.bits.filespill import FileSpill
from tests.hostile import flips, little_memory, little_time

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits of files")
FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
SYMBOLS = torch.randint(0, 1 << 16, (1, 4096), generator=torch.Generator().manual_seed(0))


@contextmanager
def files_of(most: int) -> Iterator[None]:
    """Let no file grow beyond `most` bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def spilled(path: Path, marks: bool = True) -> tuple[BitStack, FileSpill]:
    stack, store = BitStack(1, 4, seed=2), FileSpill(path, block=64, marks=marks)
    stack.spill_to(store)
    return stack, store


def push_on(stack: BitStack, times: int) -> None:
    for _ in range(times):
        stack.push(SYMBOLS, Uniform(1 << 16))
    stack.flush()


@LINUX
@pytest.mark.parametrize("marks", [False, True])
def test_a_full_disk_ends_the_tape_in_our_words(tmp_path: Path, marks: bool) -> None:
    path = tmp_path / "tape"
    stack, store = spilled(path, marks)
    with files_of(3000), pytest.raises(SpillError, match=rf"{path} fails: File too large"):
        push_on(stack, 20)
    for again in (stack.flush, stack.export, lambda: stack.pop(Uniform(1 << 16), (1, 99_999))):
        with pytest.raises(SpillError, match="is lost"):
            again()
    store.close()


@LINUX
def test_a_block_that_failed_is_not_skipped_by_those_after_it(tmp_path: Path) -> None:
    stack, store = spilled(tmp_path / "tape")
    with files_of(3000):
        with suppress(SpillError):
            stack.push(SYMBOLS, Uniform(1 << 16))
        store._worker.submit(lambda: None).result()
    # There is room again, and a block is lost.
    with pytest.raises(SpillError):
        push_on(stack, 5)
    with pytest.raises(SpillError):
        stack.pop(Uniform(1 << 16), (1, 2 * 4096))
    store.close()


@LINUX
def test_files_that_cannot_be_written_at_all(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write /dev/full"):
        FileSpill("/dev/full")
    stack = BitStack(1, 4)
    stack.push(SYMBOLS, Uniform(1 << 16))
    with files_of(100), pytest.raises(OutputError, match=r"cannot write .*tape"):
        save(stack, tmp_path / "tape")


def test_every_byte_of_a_spill_file_that_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    stack, store = BitStack(1, 1, seed=2), FileSpill(path, block=4, marks=False)
    stack.spill_to(store)
    stack.push(SYMBOLS[:, :24], Uniform(1 << 16))
    stack.flush()
    data, saved = path.read_bytes(), (store._count, store._file.end, store._file.digest)
    first = store._file.first
    assert store._count >= 3

    def is_noticed(changed: bytes) -> bool:
        path.write_bytes(changed)
        store._count, store._file.end, store._file.digest = saved
        store._ahead, store._failure = None, ""
        try:
            with little_time():
                for _ in range(saved[0]):
                    store.take(torch.device("cpu"))
        except SpillError:
            return True
        return False

    behind = ((first + at, data[:first] + changed) for at, changed in flips(data[first:]))
    with little_memory():  # what stands in front of the first block, a run does not read again
        assert [at for at, changed in behind if not is_noticed(changed)] == []
        cuts = range(first, len(data))
        assert [length for length in cuts if not is_noticed(data[:length])] == []
        assert not is_noticed(data)
    store.close()


def test_a_file_that_somebody_wrote_anew_is_noticed(tmp_path: Path) -> None:
    stack, store = spilled(tmp_path / "tape")
    stack.push(SYMBOLS, Uniform(1 << 16))
    stack.flush()
    other, twin = spilled(tmp_path / "other")
    other.push(SYMBOLS.flip(1), Uniform(1 << 16))
    other.flush()
    (tmp_path / "tape").write_bytes((tmp_path / "other").read_bytes())  # sound, and not ours
    with pytest.raises(SpillError, match="written by another"):
        stack.pop(Uniform(1 << 16), (1, 4096))
    store.close()
    twin.close()


@FORKS
def test_a_forked_child_is_told_and_the_parent_goes_on(tmp_path: Path) -> None:
    stack, store = spilled(tmp_path / "tape")
    stack.push(SYMBOLS, Uniform(1 << 16))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            stack.pop(Uniform(1 << 16), (1, 4096))
        except SpillError as error:
            code = 0 if "forked" in str(error) else 2
        finally:
            store.close()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert torch.equal(stack.pop(Uniform(1 << 16), (1, 4096)).long(), SYMBOLS)
    assert bool(stack.untouched().all())
    store.close()
