"""Streams interleaved by warp on a GPU, run in several ways: python -m benchmarks.coder_warp.

A rate is of raw data. Every figure is the median of the rounds, timed by events of the device;
graphs replay up to eight calls on sets of their own, so that a launch's host time is not in them.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if not __package__:  # run by its path: the repository root is where `benchmarks` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor

from benchmarks.rows import Row, as_json, print_table
from revc.runtime.bits.warp import WarpTable, WarpTape, streams_for
from revc.runtime.bits.warp.launch import Launch

FOUR, FOURS = Launch(4, 1, copies=1), Launch(4, 2, copies=1)
ONE, TWO = Launch(16, 1, registers=32), Launch(16, 2)
EIGHT, LATE = Launch(8, 2, registers=48), Launch(16, 2, ahead=False)
WAYS: dict[int, list[tuple[str, Launch, int, int]]] = {
    2 << 20: [
        ("4 x 1, 32 steps", FOUR, 64, 32), ("4 x 1, 64 steps", FOUR, 64, 64),
        ("4 x 1, 128 steps", FOUR, 64, 128), ("4 x 2, 32 steps", FOURS, 64, 32),
        ("4 x 2, 64 steps", FOURS, 64, 64),
    ],
    16 << 20: [
        ("16 x 1, 64 steps", ONE, 64, 64), ("16 x 1, 128 steps", ONE, 64, 128),
        ("16 x 2, 64 steps", TWO, 96, 64), ("16 x 2, 128 steps", TWO, 96, 128),
        ("4 x 2, 128 steps", FOURS, 96, 128),
    ],
    1 << 30: [
        ("16 x 1, 64 a SM", ONE, 64, 128), ("16 x 2, 96 a SM", TWO, 96, 128),
        ("8 x 2, 80 a SM", EIGHT, 80, 128), ("16 x 2, not ahead", LATE, 96, 128),
    ],
}  # fmt: skip
"""By bytes: warps and streams of each, the most streams of a multiprocessor, the least steps."""
COPIES = {2 << 20: 8, 16 << 20: 8, 1 << 30: 1}
"""Sets of data in a graph, by bytes."""
BANDWIDTH = 4300 / 1555
"""Measured copy of an H200 over the bandwidth of the A100 that the peers' figures are from."""
PEERS = {("bytes", "push"): 250, ("bytes", "pop"): 410, ("bf16", "push"): 345, ("bf16", "pop"): 605}
"""GB/s that DietGPU states for an A100 of 40 GB."""


def data_of(kind: str, size: int) -> Tensor:
    """Bytes of a geometric distribution that halves in 24, or normal values; [symbols]."""
    if kind == "bf16":
        return torch.randn(size // 2, device="cuda", dtype=torch.bfloat16)
    out = torch.empty(size, dtype=torch.uint8, device="cuda")
    for part in out.split(1 << 26):
        uniform = torch.rand(part.numel(), device="cuda").clamp(min=1e-7)
        part.copy_((uniform.log2() * -24).to(torch.int32) & 255)
    return out


def counts_of(data: Tensor) -> Tensor:
    """How often the table codes each of 256 symbols, int64 [256]."""
    total = torch.zeros(256, dtype=torch.int64, device="cuda")
    for part in data.split(1 << 26):
        bits = part if part.dtype == torch.uint8 else (part.view(torch.int16) >> 7) & 0xFF
        total += torch.bincount(bits.int(), minlength=256)
    return total


def entropy_of(counts: Tensor, kind: str) -> float:
    """Bits of the data by their own frequencies; the raw half of floats counts in full."""
    n = counts.double()
    p = n[n > 0]
    raw = 8 * float(n.sum()) if kind == "bf16" else 0.0
    return float((p * (p.sum() / p).log2()).sum()) + raw


def device_seconds(call: Callable[[], object]) -> float:
    """Time of a call on the device."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have the same bits."""
    return torch.equal(a.view(torch.uint8), b.view(torch.uint8))


def by_events(tape: WarpTape, data: Tensor, table: WarpTable, rounds: int) -> dict[str, float]:
    """Median seconds of a push and a pop, each pop verified."""
    times: dict[str, list[float]] = {"push": [], "pop": []}
    popped: list[Tensor] = []
    for _ in range(rounds + 2):
        times["push"].append(device_seconds(lambda: tape.push(data, table)))
        popped.clear()
        times["pop"].append(device_seconds(lambda: popped.append(tape.pop())))
        tape.verify()
        if not same(popped[0], data) or not tape.untouched():
            raise RuntimeError("the round trip failed")
    return {name: statistics.median(t[2:]) for name, t in times.items()}


def by_graphs(
    tapes: list[WarpTape], sets: list[Tensor], table: WarpTable, rounds: int
) -> dict[str, float]:
    """The same of one call within a graph that makes as many as there are tapes."""
    both = list(zip(tapes, sets, strict=True))
    out: list[Tensor] = []
    for tape, data in both:  # compiles, and makes the room that pushes take
        tape.push(data, table)
        tape.pop()
    torch.cuda.synchronize()
    push, pop = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(push):
        for tape, data in both:
            tape.push(data, table)
    held = [tape.records for tape in tapes]
    keep = [record.raw for records in held for record in records]
    with torch.cuda.graph(pop):
        out += [tape.pop() for tape in tapes]
    times: dict[str, list[float]] = {"push": [], "pop": []}
    for _ in range(rounds + 2):
        times["push"].append(device_seconds(push.replay) / len(tapes))
        times["pop"].append(device_seconds(pop.replay) / len(tapes))
    if not all(same(a, b) for a, b in zip(out, sets, strict=True)):
        raise RuntimeError("the round trip through graphs failed")
    del keep
    return {name: statistics.median(t[2:]) for name, t in times.items()}


def way_rows(
    name: str, kind: str, way: tuple[str, Launch, int, int], sets: list[Tensor], table: WarpTable,
    rounds: int, best: dict[str, float],
) -> Iterator[Row]:  # fmt: skip
    """Rates of one way of running."""
    label, launch, each, steps = way
    data = sets[0]
    size = data.numel() * data.element_size()
    streams = streams_for(data.numel(), "cuda", each, steps, launch.streams)
    tapes = [WarpTape(streams, "cuda", way=launch) for _ in sets]
    name = f"{name}, {label}"
    found = {
        "": by_events(tapes[0], data, table, rounds),
        ", graph": by_graphs(tapes, sets, table, rounds),
    }
    for how, times in found.items():
        for move, seconds in times.items():
            rate = size / seconds / 1e9
            best[move] = max(best.get(move, 0.0), rate)
            yield Row(f"{name}, {move}{how}", rate, "GB/s")
    tapes[0].push(data, table)
    extra = tapes[0].bits() / entropy_of(counts_of(data), kind) - 1
    yield Row(f"{name}, tape beyond entropy", 100 * extra, "%")


def rows(rounds: int = 11) -> Iterator[Row]:
    """Rates of every way at 2 MB, 16 MB and 1 GB, and the best of them beside the peers'."""
    for size, ways in WAYS.items():
        for kind in ("bytes", "bf16"):
            name = f"warp {kind}, {size >> 20} MB"
            sets = [data_of(kind, size) for _ in range(COPIES[size])]
            table = WarpTable.from_counts(sum(map(counts_of, sets[1:]), counts_of(sets[0])), "cuda")
            best: dict[str, float] = {}
            for way in ways:
                try:
                    yield from way_rows(name, kind, way, sets, table, rounds, best)
                except RuntimeError as error:  # one way that fails does not take the others along
                    yield Row(f"{name}, {way[0]}", None, "GB/s", note=str(error)[:200])
            for move, rate in best.items():
                wanted = PEERS[kind, move] * BANDWIDTH
                yield Row(f"{name}, {move}, best", rate, "GB/s", wanted, least=True)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=11, help="rounds of each figure")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device: nothing to measure")
        return
    found = list(rows(chosen.rounds))
    if chosen.json:
        print(as_json(found))
    else:
        print_table("Streams interleaved by warp", found)


if __name__ == "__main__":
    main()
