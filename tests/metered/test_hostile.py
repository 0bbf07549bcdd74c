"""Archives that were damaged, edited, cut, or written by somebody else."""

import json
from collections.abc import Iterator

import pytest
import torch

import revc
from revc.errors import BindError
from revc.runtime.bits import chunks
from revc.runtime.bits.errors import ContainerError, DamagedTapeError, MemoryLimitError
from revc.runtime.bits.header import encode
from revc.runtime.metered import seal
from revc.runtime.model import ReversibleModel
from tests.hostile import UNREADABLE, WRONG, flips, little_memory, little_time
from tests.metered.archives import KEY, archive, packed, taken
from tests.metered.test_directions import EXCHANGES


def refused(model: ReversibleModel, data: bytes, c: torch.Tensor, key: bytes | None = None) -> bool:
    """Say whether bytes are refused in our words."""
    with little_time():
        try:
            model.decompress(data, c, key=key)
        except ContainerError:
            return True
        return False


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])
def test_every_byte_and_every_cut_of_an_archive(key: bytes | None) -> None:
    model, c, data = packed(key)
    with little_memory():
        assert not refused(model, data, c, key)
        assert [at for at, changed in flips(data) if not refused(model, changed, c, key)] == []
        cuts = [length for length in range(len(data)) if not refused(model, data[:length], c, key)]
        assert cuts == []
        assert refused(model, data + b"\0", c, key)


def forged(data: bytes) -> Iterator[bytes]:
    """Archives with sound digests that nobody wrote."""
    header, body = taken(data)
    yield from (archive(text, body) for text in UNREADABLE)
    for name in header:
        yield archive(encode({k: v for k, v in header.items() if k != name}), body)
        for value in WRONG:
            if value != header[name]:
                yield archive(encode({**header, name: value}), body)
    yield archive(encode({**header, "more": 1}), body)
    yield archive(json.dumps(header).encode(), body)
    yield archive(encode(header), body, chunks.ROWS)
    yield archive(encode(header), body, end=b"x")
    yield from (archive(encode(header), cut) for cut in (b"", body[:-1], body + b"x", body * 2))


HARMLESS = ("around",)
"""Fields that say no more than what a failure may come from."""


def test_edited_headers_are_one_class_of_error() -> None:
    model, c, data = packed()
    with little_memory():
        wrong = [one for one in forged(data) if not refused(model, one, c)]
    assert all(taken(one)[0].keys() == taken(data)[0].keys() for one in wrong)
    changed = {n for one in wrong for n, v in taken(one)[0].items() if v != taken(data)[0][n]}
    assert changed <= set(HARMLESS)


def test_sizes_that_the_bytes_do_not_bear_out() -> None:
    model, c, data = packed()
    header, body = taken(data)
    with little_memory():
        with pytest.raises(DamagedTapeError):
            model.decompress(archive(encode({**header, "sizes": {"B": 4}}), body), c)
        with pytest.raises(DamagedTapeError, match="lanes"):
            model.decompress(archive(encode({**header, "lanes": 100_000_000}), body), c)
        huge = encode(
            {**header, "sizes": {"B": 1 << 40}, "state": {"0": ["torch.int32", [1 << 40, 6]]}}
        )
        with pytest.raises(MemoryLimitError):
            model.decompress(archive(huge, body), c)
    with pytest.raises(MemoryLimitError, match="144 bytes of memory, and 100 are allowed"):
        model.decompress(data, c, memory=100)
    assert len(model.decompress(data, c, memory=1 << 20)) == 2


def test_forged_bodies_do_not_pass_the_checksums() -> None:
    model, c, data = packed()
    header, body = taken(data)
    with little_memory():
        wrong = [
            at for at, one in flips(body) if not refused(model, archive(encode(header), one), c)
        ]
    assert wrong == []


OTHERS = {
    "several stacks": ("", EXCHANGES),
    "labels": (
        "label",
        "use std.nets: embedding, parameter\ndim B, d = 6\nstate lattice(Q12.20)\n"
        "model N(a: [B, d], y: label(10)[B]) -> (y: label(10)[B]) {\n"
        "  put a by logistic(embedding(10, y, out = 12), step = 1/64) as code\n}\n",
    ),
    "float state": (
        "float",
        "use std.nets: linear\ndim B, d = 6\n"
        "model N(a, b: float32[B, d]) -> (a: float32[B, d]) {\n"
        "  a += linear(b)\n  put b by logistic(linear(a), step = 1/64) as code\n}\n",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_forged_bodies_of_other_programs_raise_nothing_of_python(name: str) -> None:
    torch.manual_seed(0)
    kind, spec = OTHERS[name]
    model, (a, b) = revc.compile(spec), torch.randn(2, 3, 6)
    data = model.compress(a, torch.arange(3) if kind == "label" else b)
    header, body = taken(data)
    with little_memory():
        found = [
            model_refuses(model, archive(encode(header), one)) for _, one in flips(body, step=2)
        ]
        assert all(model_refuses(model, one) for one in (data[:-1], data[:100], b"x" + data[1:]))
    assert all(found) or kind == "float", "a sketch of float state does not see the last bits"
    assert not model_refuses(model, data)


def model_refuses(model: ReversibleModel, data: bytes) -> bool:
    with little_time():
        try:
            model.decompress(data)
        except ContainerError:
            return True
        return False


def test_no_switch_in_the_file_turns_a_check_off() -> None:
    model, c, data = packed()
    header, body = taken(data)
    with pytest.raises(DamagedTapeError, match="checksums"):
        model.decompress(archive(encode({**header, "check": None}), body), c)
    other = [*header["check"][:-1], header["check"][-1] ^ 1]
    with pytest.raises(DamagedTapeError, match="damaged archive"):
        model.decompress(archive(encode({**header, "check": other}), body), c)


def test_what_is_no_archive_at_all() -> None:
    model, c, _ = packed()
    for data in (b"", b"PK\x03\x04" * 9, seal.MARK):
        with pytest.raises(ContainerError):
            model.decompress(data, c)
    with pytest.raises(BindError, match="data is a str"):
        model.decompress("archive", c)  # type: ignore[arg-type]
