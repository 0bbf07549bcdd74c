"""Bytes of warp tapes: what is accepted exports as the same bytes, and the rest is refused."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from revc.runtime.bits.errors import ContainerError, DamagedTapeError, MemoryLimitError
from revc.runtime.bits.warp import WarpTable, WarpTape
from tests.bits.laws import FEW, LAW


def tape(seed: int = 0) -> WarpTape:
    random = torch.Generator().manual_seed(seed)
    symbols = (torch.rand(700, generator=random) ** 3 * 200).to(torch.uint8)
    floats = torch.randn(3, 67, generator=random).to(torch.bfloat16)
    counts = torch.ones(256, dtype=torch.int64) + torch.bincount(symbols.int(), minlength=256)
    made = WarpTape(2)
    made.push(symbols, WarpTable.from_counts(counts))
    made.push(floats, WarpTable.from_counts(counts.flip(0)))
    made.push(floats[:0], WarpTable.from_counts(counts))
    return made


WHOLE = bytes(tape().export().tolist())


def as_tensor(data: bytes) -> Tensor:
    return torch.tensor(list(data), dtype=torch.uint8)


@LAW
@given(st.integers(0, len(WHOLE) - 1))
def test_a_part_is_refused(length: int) -> None:
    with pytest.raises(DamagedTapeError):
        WarpTape.load(as_tensor(WHOLE[:length]))


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(DamagedTapeError, match="left over"):
        WarpTape.load(as_tensor(WHOLE + b"\0"))


@LAW
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_changed_bytes_are_refused_or_come_to_an_end(at: int, change: int) -> None:
    data = WHOLE[:at] + bytes([WHOLE[at] ^ change]) + WHOLE[at + 1 :]
    try:
        found = WarpTape.load(as_tensor(data))
    except ContainerError:
        return
    assert bytes(found.export().tolist()) == data
    while found.records:
        found.pop()
    if found.state.fault.any() or not found.untouched():
        with pytest.raises(DamagedTapeError):
            found.verify()


def test_a_huge_tape_is_refused_before_it_is_made() -> None:
    made = WarpTape(1)
    alone = torch.zeros(256, dtype=torch.int64)
    alone[:2] = torch.tensor([4095, 1])
    made.push(torch.zeros(1 << 20, dtype=torch.uint8), WarpTable(alone))
    data = made.export()
    assert torch.equal(WarpTape.load(data).pop(), torch.zeros(1 << 20, dtype=torch.uint8))
    with pytest.raises(MemoryLimitError):
        WarpTape.load(data, memory=1 << 20)


@FEW
@given(st.integers(1, 5), st.lists(st.integers(0, 400), max_size=4), st.integers(0, 1 << 30))
def test_what_was_pushed_comes_back(streams: int, sizes: list[int], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    counts = (torch.rand(256, generator=random) * 1000).long() + 1
    table, made = WarpTable.from_counts(counts), WarpTape(streams)
    parts = [torch.randint(0, 256, (n,), generator=random, dtype=torch.uint8) for n in sizes]
    for part in parts:
        made.push(part, table)
    other = WarpTape.load(made.export())
    for part in reversed(parts):
        assert torch.equal(made.pop(), part)
        assert torch.equal(other.pop(), part)
    made.verify()
    other.verify()


def test_a_tape_is_as_long_as_its_data_say() -> None:
    counts = (1000 * 0.9 ** torch.arange(256, dtype=torch.float64)).long() + 1
    p = counts / counts.sum()
    random = torch.Generator().manual_seed(1)
    data = torch.multinomial(p, 1 << 18, replacement=True, generator=random).to(torch.uint8)
    made = WarpTape(1)
    made.push(data, WarpTable.from_counts(torch.bincount(data.int(), minlength=256)))
    share = torch.bincount(data.int(), minlength=256).double() / data.numel()
    entropy = float(-(share[share > 0] * share[share > 0].log2()).sum())
    assert 0 < made.bits() / data.numel() - entropy < 0.025  # rare symbols take 1 of 4096
    assert math.isclose(made.bits(), 8 * made.export().numel(), rel_tol=0.02)
