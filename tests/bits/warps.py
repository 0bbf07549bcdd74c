"""Warp tapes beside the reference: ``python -m tests.bits.warps CHAINS`` checks them all."""

import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from revc.runtime.bits.backends import BackendName
from revc.runtime.bits.errors import DamagedTapeError, SymbolError
from revc.runtime.bits.warp import WarpTable, WarpTape
from revc.runtime.bits.warp.launch import Launch
from revc.runtime.bits.warp.reference import Stream, split, steps
from revc.runtime.bits.warp.table import GROUP, GUARD, LANES, ORDER

CASES = {
    "bytes": (torch.uint8, [1000, 5], False),
    "bytes-full": (torch.uint8, [1536, 512], False),
    "bytes-one": (torch.uint8, [700], True),
    "bf16": (torch.bfloat16, [1000, 3], False),
    "fp16": (torch.float16, [512], False),
}


def values(dtype: torch.dtype, count: int, seed: int) -> Tensor:
    """Geometric bytes, or normal values."""
    random = torch.Generator().manual_seed(seed)
    if dtype == torch.uint8:
        return (-24 * torch.rand(count, generator=random).log2()).clamp(max=255).to(dtype)
    return torch.randn(count, generator=random).to(dtype)


def coded(data: Tensor) -> Tensor:
    """What of the values the table codes."""
    return data if data.dtype == torch.uint8 else (data.view(torch.int16) >> 7) & 0xFF


def mirror(streams: int, parts: list[Tensor], table: WarpTable) -> list[Stream]:
    """Streams of the reference after pushes."""
    made = [Stream() for _ in range(streams)]
    freq, start = table.freq.tolist(), table.start.tolist()
    for data in parts:
        floats = data.dtype != torch.uint8
        symbols = [int(s) for s in coded(data)]
        for stream, elements in steps(len(symbols), streams, ORDER[floats]):
            chosen = [symbols[e] if e < len(symbols) else None for e in elements]
            made[stream].push(chosen, start, freq)
    return made


def raw_words(data: Tensor) -> list[int]:
    """The raw part of floats, four values a word."""
    rest = [split(p & 0xFFFF)[1] for p in data.view(torch.int16).tolist()]
    rest += [0] * (-len(rest) % GROUP)
    return [
        sum(rest[g + e] << 8 * k for k, e in enumerate(ORDER[True]))
        for g in range(0, len(rest), GROUP)
    ]


def check(case: str, streams: int, device: str, backend: BackendName, way: Any = None) -> None:
    """Push some parts, compare with the reference, take a copy by bytes, pop both."""
    dtype, sizes, alone = CASES[case]
    parts = [values(dtype, size, i) for i, size in enumerate(sizes)]
    if alone:
        parts = [torch.full_like(p, 77) for p in parts]
    counts = torch.bincount(coded(torch.cat(parts)).long(), minlength=256)
    table = WarpTable.from_counts(counts, device)
    tape = WarpTape(streams, device, backend, way)
    for data in parts:
        beside = torch.cat([data[:1], data]).to(device)
        tape.push(beside[1:], table)  # which is not where a tensor of its own would be
    check_state(tape, parts)
    copy = WarpTape.load(tape.export(), device, backend)
    for data in reversed(parts):
        for one in (tape, copy):
            assert torch.equal(tape_bits(one.pop().cpu()), tape_bits(data))
    for one in (tape, copy):
        one.verify()
        assert one.untouched()


def tape_bits(data: Tensor) -> Tensor:
    return data if data.dtype == torch.uint8 else data.view(torch.int16)


def check_state(tape: WarpTape, parts: list[Tensor]) -> None:
    """A tape is what the reference leaves."""
    heads, tops, words = (t.cpu() for t in (tape.state.heads, tape.state.tops, tape.state.words))
    for i, stream in enumerate(mirror(tape.streams, parts, tape.records[0].table)):
        assert heads[i * LANES : (i + 1) * LANES].tolist() == stream.heads
        held = words[i, GUARD : GUARD + int(tops[i])].tolist()
        assert [w & 0xFFFF for w in held] == stream.words
    for data, record in zip(parts, tape.records, strict=True):
        if record.raw is not None:
            assert [w & 0xFFFFFFFF for w in record.raw.tolist()] == raw_words(data)


def check_faults(streams: int, device: str, backend: BackendName, way: Any = None) -> None:
    """A symbol without a code is found, wherever it is, and so are words that run out."""
    table = WarpTable(torch.tensor([2048, 2048] + [0] * 254), device)
    for at in (0, 1023, 1030):
        tape = WarpTape(streams, device, backend, way)
        data = torch.zeros(1031, dtype=torch.uint8, device=device)
        data[at] = 2
        with pytest.raises(SymbolError):
            pushed(tape, data, table)
    for lost in (0, 1):
        tape = pushed(WarpTape(streams, device, backend, way), data.clamp(max=1), table)
        tape.state.tops[lost] -= 1
        tape.pop()
        with pytest.raises(DamagedTapeError):
            tape.verify()


def pushed(tape: WarpTape, data: Tensor, table: WarpTable) -> WarpTape:
    tape.push(data, table)
    tape.verify()
    return tape


if __name__ == "__main__":
    plain = Launch(warps=2, chains=int(sys.argv[1]), shared=False, assembly=False)
    check_faults(plain.streams, "cpu", "triton", plain)
    for name in CASES:
        check(name, plain.streams, "cpu", "triton", plain)
        print(name)
