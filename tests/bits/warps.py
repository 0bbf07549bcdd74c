"""Warp tapes beside the reference: ``python -m tests.bits.warps CHAINS`` checks them all."""

import sys
from typing import Any

import torch
from torch import Tensor

from revc.runtime.bits.errors import SymbolError
from revc.runtime.bits.warp.reference import GROUP, LANES, ORDER, Stream, split, steps
from revc.runtime.bits.warp.table import WarpTable

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


def check(case: str, device: str, launch: Any) -> None:
    """Push some parts, compare with the reference, pop them."""
    from revc.runtime.bits.warp.tape import WarpTape

    dtype, sizes, alone = CASES[case]
    parts = [values(dtype, size, i) for i, size in enumerate(sizes)]
    if alone:
        parts = [torch.full_like(p, 77) for p in parts]
    counts = torch.bincount(coded(torch.cat(parts)).long(), minlength=256)
    table = WarpTable.from_counts(counts, device)
    tape = WarpTape(launch.streams, device, launch)
    for data in parts:
        tape.push(data.to(device), table)
    for i, stream in enumerate(mirror(launch.streams, parts, table)):
        top = int(tape.tops[i])
        assert tape.heads[i * LANES : (i + 1) * LANES].tolist() == stream.heads
        assert [w & 0xFFFF for w in tape.words[i, :top].tolist()] == stream.words
    for data, record in zip(parts, tape.records, strict=True):
        if record.raw is not None:
            assert [w & 0xFFFFFFFF for w in record.raw.tolist()] == raw_words(data)
    tape.verify()
    for data in reversed(parts):
        kind = torch.uint8 if dtype == torch.uint8 else torch.int16
        assert torch.equal(tape.pop(table).cpu().view(kind), data.view(kind))
    assert tape.heads.tolist() == [1 << 15] * launch.streams * LANES
    assert not int(tape.tops.sum())


def check_faults(device: str, launch: Any) -> None:
    """A symbol without a code is found."""
    from revc.runtime.bits.warp.tape import WarpTape

    table = WarpTable(torch.tensor([2048, 2048] + [0] * 254), device)
    for at in (0, 1023, 1030):
        tape = WarpTape(launch.streams, device, launch)
        data = torch.zeros(1031, dtype=torch.uint8, device=device)
        data[at] = 2
        tape.push(data, table)
        try:
            tape.verify()
        except SymbolError:
            continue
        raise AssertionError(f"the symbol at {at} went unseen")


if __name__ == "__main__":
    from revc.runtime.bits.warp.tape import Launch

    plain = Launch(warps=2, chains=int(sys.argv[1]), shared=False, assembly=False)
    check_faults("cpu", plain)
    for name in CASES:
        check(name, "cpu", plain)
        print(name)
