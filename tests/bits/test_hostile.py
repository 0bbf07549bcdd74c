"""Bytes that somebody wrote on purpose: an error of ours, or the stack that they describe."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.runtime.bits import BitStack, chunks
from revc.runtime.bits.chunks import write_chunk
from revc.runtime.bits.container import describe, load
from revc.runtime.bits.deflated import SPARE, WORDS, deflate, inflate
from revc.runtime.bits.dist import Uniform
from revc.runtime.bits.errors import ContainerError, DamagedTapeError, MemoryLimitError
from revc.runtime.bits.filespill import recover
from revc.runtime.bits.flat import as_bytes
from revc.runtime.bits.header import decode, encode
from tests.hostile import UNREADABLE, WRONG, flips, little_memory, little_time


def sample(owing: bool = True) -> BitStack:
    stack = BitStack(2, 2, seed=11)
    stack.push(torch.arange(60).reshape(2, 30), Uniform(999))
    if owing:
        stack.pop(Uniform(9), (2, 200))
        stack.push(torch.arange(10).reshape(2, 5), Uniform(60_000))
    return stack


def bytes_of(stack: BitStack) -> bytes:
    return stack.export().numpy().tobytes()


def check_flat(data: bytes) -> bool:
    """Say whether bytes are a stack; if so, then it is the one that they describe."""
    with little_time():
        try:
            stack = BitStack.load(as_bytes(data))
        except ContainerError:
            return False
        assert bytes_of(stack) == data
        return True


@pytest.mark.parametrize("owing", [False, True])
def test_flat_bytes_are_a_stack_of_their_own_or_refused(owing: bool) -> None:
    data = bytes_of(sample(owing))
    with little_memory():
        assert check_flat(data)
        good = [at for at, changed in flips(data) if check_flat(changed)]
        assert min(good) >= 12, "only the seed, heads, debts and words may be others"
        assert not any(check_flat(data[:length]) for length in range(len(data)))
        assert not check_flat(data + b"\0")


@pytest.mark.parametrize("lanes", [1 << 29, 1 << 31, (1 << 32) - 1])
@pytest.mark.parametrize("sequences", [1, 8, (1 << 32) - 1])
@pytest.mark.parametrize("flags", [0, 1])
def test_a_head_that_claims_lanes_which_are_not_there(
    lanes: int, sequences: int, flags: int
) -> None:
    head = struct.pack("<IIBBHQ", lanes, sequences, 32, flags, 0, 1)
    with little_memory(1 << 26), pytest.raises(DamagedTapeError, match="fewer lanes"):
        BitStack.load(as_bytes(head))


def skewed(lanes: int, words: int) -> bytes:
    """A sound flat buffer whose first lane holds all the words."""
    heads = np.full(lanes, 1 << 32, "<u8").view(np.uint8).reshape(-1, 8)[:, :6].tobytes()
    fills = np.zeros(lanes, "<u4")
    fills[0] = words
    head = struct.pack("<IIBBHQ", lanes, 1, 32, 0, 0, 1)
    return head + heads + fills.tobytes() + np.arange(words, dtype="<u2").tobytes()


def test_lanes_of_uneven_fill_are_bounded_by_what_is_allowed() -> None:
    data = skewed(40_000, 200_000)
    assert len(data) < 900_000
    with little_memory(), little_time(), pytest.raises(MemoryLimitError, match="memory ="):
        BitStack.load(as_bytes(data))
    small = as_bytes(skewed(32, 5000))
    assert torch.equal(BitStack.load(small).export(), small)
    with pytest.raises(MemoryLimitError, match="320000 bytes of memory, and 1000 are allowed"):
        BitStack.load(small, memory=1000)
    assert torch.equal(BitStack.load(small, memory=320_000).export(), small)


def test_a_stack_of_uneven_fill_is_copied_whatever_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("revc.runtime.bits.flat.LEAST", 10)
    monkeypatch.setattr("revc.runtime.bits.flat.FACTOR", 1)
    stack = BitStack(1, 64)
    stack.push(torch.arange(9999)[None, :1], Uniform(10_000))
    for _ in range(500):
        stack.push(torch.tensor([[7]]), Uniform(60_000))
    with pytest.raises(MemoryLimitError):
        BitStack.load(stack.export())
    assert stack.clone().digest() == stack.digest()


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_headers_that_nobody_wrote(body: bytes) -> None:
    if body == b"{}":
        assert decode(body).values == {}
        return
    with little_memory(), little_time(), pytest.raises(DamagedTapeError, match="header"):
        decode(body)


def test_headers_come_back() -> None:
    fields = {"b": [1, -2], "a": {"z": "ü", "y": None}, "c": True}
    assert decode(encode(fields)).values == fields


def raw_deflate(data: bytes, words: bytes = WORDS) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=words)
    return packer.compress(data) + packer.flush()


INFLATED_WRONG = {
    "nothing": b"",
    "no deflated bytes": b"{}" * 9,
    "an end too early": raw_deflate(b'{"a":1}' * 99)[:-3],
    "more behind the end": raw_deflate(b"{}") + b"x",
    "words that were not there": raw_deflate(bytes(range(64)) * 9, bytes(range(256)) * 128),
    "a bomb": raw_deflate(b" " * (1 << 28)),
    "a bomb of objects": raw_deflate(b"[" + b"{}," * (1 << 24) + b"{}]"),
    "as many objects as there may be": raw_deflate(b"[" + b"{}," * (SPARE // 3 - 9) + b"{}]"),
}


@pytest.mark.parametrize("name", INFLATED_WRONG)
def test_deflated_headers_that_nobody_wrote(name: str, tmp_path: Path) -> None:
    path, data = tmp_path / "a.tape", file_around(INFLATED_WRONG[name])
    path.write_bytes(data)
    with little_memory(64 << 20), little_time(), pytest.raises(DamagedTapeError, match="header"):
        load(path, "p")


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_header_that_was_deflated_or_are_refused(data: bytes) -> None:
    with little_time():
        try:
            found = inflate(data)
        except DamagedTapeError:
            return
    assert inflate(deflate(found)) == found


def test_what_headers_are_made_of_costs_little() -> None:
    header = encode(describe(sample(), "", {}))
    assert len(deflate(header)) < len(header) // 2
    assert inflate(deflate(header)) == header


# --- files ---------------------------------------------------------------------------------------


def file_of(body: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A file with sound digests around a header, before it is deflated, and chunks of choice."""
    return file_around(deflate(body), *parts)


def file_around(body: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A file with sound digests around the bytes of a header as they stand, and chunks."""
    start = struct.pack("<8sHHI", chunks.MAGIC, chunks.VERSION, 0, len(body)) + body
    file = io.BytesIO()
    digest = chunks.digest(start)
    file.write(start + digest)
    for kind, payload in parts:
        digest = write_chunk(file, kind, payload, digest)
    return file.getvalue()


def forged() -> Iterator[bytes]:
    """Tape files with sound digests and contents that no stack has."""
    stack = sample()
    flat, header = bytes_of(stack), describe(stack, "p", {"x": (2, 30)})
    end = struct.pack("<QQ", 1, len(flat))

    def tape(body: bytes, flat: bytes = flat) -> bytes:
        counts = struct.pack("<QQ", 1, len(flat))
        return file_of(body, (chunks.FLAT, flat), (chunks.END, counts))

    yield from (tape(body) for body in UNREADABLE)
    for name in header:
        yield tape(encode({k: v for k, v in header.items() if k != name}))
        if name not in ("program", "shapes"):  # whose they are is for `load` to be told
            wrong = (value for value in WRONG if value != header[name])
            yield from (tape(encode({**header, name: value})) for value in wrong)
    yield tape(encode({**header, "more": 1}))
    yield from (tape(encode(header), cut) for cut in (b"", flat[:19], flat[:-1], flat + b"xx"))
    yield file_of(encode(header), (chunks.END, struct.pack("<QQ", 0, 0)))
    yield file_of(encode(header), (chunks.FLAT, flat), (chunks.END, end), (chunks.END, end))


def test_forged_tape_files_are_refused(tmp_path: Path) -> None:
    path, count = tmp_path / "a.tape", 0
    with little_memory():
        for data in forged():
            path.write_bytes(data)
            with little_time(), pytest.raises(ContainerError):
                load(path, "p")
            count += 1
    assert count > 100


def test_forged_spill_files_are_refused(tmp_path: Path) -> None:
    path, flat = tmp_path / "s", bytes_of(sample())
    cases = [
        [(chunks.ROWS, b"odd"), (chunks.TOPS, flat)],
        [(chunks.ROWS, b"even"), (chunks.ROWS, b"more.."), (chunks.TOPS, flat)],
        [(chunks.TOPS, b"")],
        [(chunks.TOPS, flat[:-2])],
        [(chunks.FLAT, flat)],
        [],
    ]
    with little_memory():
        for parts in cases:
            path.write_bytes(file_of(b"{}", *parts))
            with little_time(), pytest.raises(ContainerError):
                recover(path)
    path.write_bytes(file_of(b"{}", (chunks.TOPS, flat)))
    assert bytes_of(recover(path)) == flat


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for read in (load, recover):
        with pytest.raises(ContainerError, match="cannot read"):
            read(tmp_path / "none")
