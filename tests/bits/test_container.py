"""Tape files: what comes back is what was written, or an error; never anything else."""

import io
import struct
from pathlib import Path

import pytest
import torch

from revc.runtime.bits import BitStack, Mode, chunks
from revc.runtime.bits.chunks import read_header, write_chunk, write_header
from revc.runtime.bits.container import TapeReader, TapeWriter, describe, load, save
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.errors import (
    ContainerError,
    DamagedTapeError,
    FloorError,
    TapeMismatchError,
    TruncatedTapeError,
)
from tests.hostile import flips, little_memory, little_time

SHAPES = {"x": (2, 30), "y": (2,)}


def sample(count: int = 30, mode: Mode = Mode.WIDE) -> BitStack:
    stack = BitStack(2, 2, seed=11, mode=mode)
    stack.pop(Uniform(9), (2, 7))
    symbols = torch.randint(0, 999, (2, count), generator=torch.Generator().manual_seed(1))
    stack.push(symbols, Uniform(999))
    return stack


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("count", [0, 1, 30])
def test_save_and_load(tmp_path: Path, count: int, mode: Mode) -> None:
    stack = sample(count, mode)
    path = tmp_path / "a.tape"
    size = save(stack, path, "program-1", SHAPES)
    assert path.stat().st_size == size
    twin = load(path, "program-1", SHAPES)
    assert twin.digest() == stack.digest()
    assert twin.mode is mode


def test_big_tapes_are_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revc.runtime.bits.container.PIECE", 1000)
    stack, path = sample(5000), tmp_path / "a.tape"
    save(stack, path)
    with path.open("rb") as file:
        pieces = [len(c.payload) for c in TapeReader(file).chunks()]
    assert len(pieces) > 10
    assert set(pieces[:-1]) == {1000}
    assert load(path).digest() == stack.digest()


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tape") / "a.tape"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("revc.runtime.bits.container.PIECE", 100)
        save(sample(), path, "p", SHAPES)
    return path.read_bytes()


def attempt(data: bytes, path: Path) -> BitStack:
    path.write_bytes(data)
    return load(path)


def test_every_corruption_of_a_byte_is_found(tape: bytes, tmp_path: Path) -> None:
    path, missed = tmp_path / "a.tape", []
    with little_memory():
        for at, changed in flips(tape):
            try:
                with little_time():
                    attempt(changed, path)
            except ContainerError:
                continue
            missed.append(at)
    assert missed == []


def test_every_truncation_is_found(tape: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with little_memory():
        for length in range(len(tape)):
            with little_time(), pytest.raises(TruncatedTapeError):
                attempt(tape[:length], path)


@pytest.mark.parametrize("extra", [b"\0", b"END ", b"x" * 100])
def test_trailing_bytes_are_found(tape: bytes, tmp_path: Path, extra: bytes) -> None:
    with pytest.raises(DamagedTapeError, match="follow the closing chunk"):
        attempt(tape + extra, tmp_path / "a.tape")


def pieces(tape: bytes) -> tuple[bytes, list[bytes]]:
    file = io.BytesIO(tape)
    _, digest = read_header(file, len(tape))
    head, found = tape[: file.tell()], []
    while file.tell() < len(tape):
        chunk = chunks.read_chunk(file, len(tape), digest)
        digest = chunk.digest
        found.append(tape[chunk.offset : chunk.end])
    return head, found


def test_chunks_cannot_be_dropped_doubled_or_swapped(tape: bytes, tmp_path: Path) -> None:
    head, parts = pieces(tape)
    assert len(parts) >= 3
    for wrong in (parts[1:], parts[:1] + parts, [parts[1], parts[0], *parts[2:]]):
        with pytest.raises(DamagedTapeError):
            attempt(head + b"".join(wrong), tmp_path / "a.tape")


def test_files_read_from_their_end(tape: bytes) -> None:
    file = io.BytesIO(tape)
    read_header(file, len(tape))
    first, end, backwards = file.tell(), len(tape), []
    while end > first:
        chunk = chunks.read_last(file, end, first)
        backwards.append(tape[chunk.offset : end])
        end = chunk.offset
    assert backwards[::-1] == pieces(tape)[1]
    with pytest.raises(TruncatedTapeError):
        chunks.read_last(file, first, first)


@pytest.mark.parametrize(
    ("program", "shapes"), [("q", None), ("p", {"x": (2, 31)}), ("p", {"x": (2, 30)})]
)
def test_tapes_of_something_else(
    tape: bytes, tmp_path: Path, program: str, shapes: dict[str, tuple[int, ...]] | None
) -> None:
    path = tmp_path / "a.tape"
    path.write_bytes(tape)
    with pytest.raises(TapeMismatchError):
        load(path, program, shapes)


def test_other_files_and_versions(tape: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamagedTapeError, match="not a tape"):
        attempt(b"PK\x03\x04" * 100, tmp_path / "a.tape")
    with pytest.raises(DamagedTapeError, match="version 3"):
        attempt(tape[:8] + struct.pack("<H", 3) + tape[10:], tmp_path / "a.tape")
    with pytest.raises(TruncatedTapeError):
        attempt(b"", tmp_path / "a.tape")


def rewritten(flat: bytes, header: dict[str, object], kind: bytes = chunks.FLAT) -> bytes:
    """A file with sound digests around contents of choice."""
    file = io.BytesIO()
    digest = write_header(file, header)
    digest = write_chunk(file, kind, flat, digest)
    write_chunk(file, chunks.END, struct.pack("<QQ", 1, len(flat)), digest)
    return file.getvalue()


def test_sound_digests_do_not_excuse_wrong_contents(tmp_path: Path) -> None:
    stack, path = sample(), tmp_path / "a.tape"
    flat, header = stack.export().numpy().tobytes(), describe(stack, "p", SHAPES)
    assert attempt(rewritten(flat, header), path).digest() == stack.digest()
    with pytest.raises(DamagedTapeError, match="does not belong"):
        attempt(rewritten(flat, header, chunks.ROWS), path)
    with pytest.raises(DamagedTapeError, match="too early"):
        attempt(rewritten(flat[:-1], header), path)
    with pytest.raises(TapeMismatchError, match="seed"):
        attempt(rewritten(flat, {**header, "seed": 12}), path)
    low_head = flat[:20] + b"\0" * 6 + flat[26:]
    with pytest.raises(DamagedTapeError, match="head out of range"):
        attempt(rewritten(low_head, header), path)


def test_a_writer_that_never_closes_leaves_a_cut_off_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with path.open("wb") as file:
        TapeWriter(file, describe(sample(), "p", None)).write(sample().export().numpy().tobytes())
    with pytest.raises(TruncatedTapeError, match="no closing chunk"):
        load(path)


def test_wrong_counts_in_the_closing_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with path.open("wb") as file:
        writer = TapeWriter(file, describe(sample(), "p", None))
        writer.write(sample().export().numpy().tobytes())
        writer.chunks += 1
        writer.close()
    with pytest.raises(DamagedTapeError, match="counts other chunks"):
        load(path)


def test_errors_are_no_floor_errors() -> None:
    assert not issubclass(ContainerError, FloorError)
