"""Streams interleaved by warp: kernels leave what the reference leaves, and tables are exact."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.warp import launch
from revc.runtime.bits.warp.table import SCALE, WarpTable, reciprocal
from tests.bits import warps

ROOT = Path(__file__).resolve().parents[2]


def test_reciprocals_are_exact_at_the_edges() -> None:
    for freq in range(2, SCALE):
        magic, shift = reciprocal(freq)
        assert magic < 1 << 32
        top = freq << 19
        for quotient in (1, 2, (top - 1) // freq, (top - 1) // freq // 2, top // 3 // freq):
            for x in (quotient * freq - 1, quotient * freq, quotient * freq + freq - 1):
                if 0 <= x < top:
                    assert x * magic >> 32 + shift == x // freq, (x, freq)


@pytest.mark.parametrize("seed", range(4))
def test_tables_of_counts_are_the_shortest(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    counts = (torch.rand(256, generator=random) ** (seed * 8) * 1e6).long()
    counts[7] += 1
    freq, used = WarpTable.from_counts(counts).freq, counts > 0
    assert torch.equal(freq > 0, used)
    cost = torch.where(used, counts * freq.double().clamp(min=1).log2(), 0.0).sum()
    for one in torch.nonzero(used).flatten()[:40].tolist():
        for other in torch.nonzero(freq > 1).flatten()[:40].tolist():
            moved = freq.double()
            moved[one] += 1
            moved[other] -= 1
            there = torch.where(used, counts * moved.clamp(min=0.5).log2(), 0.0).sum()
            assert one == other or float(there - cost) <= 1e-3 * float(counts.sum())


def test_a_symbol_alone_leaves_a_point_to_the_next() -> None:
    counts = torch.zeros(256, dtype=torch.int64)
    counts[255] = 9
    freq = WarpTable.from_counts(counts).freq
    assert (int(freq[255]), int(freq[0])) == (SCALE - 1, 1)


@pytest.mark.parametrize("bad", [[0] * 256, [16] * 255 + [17], [4096] + [0] * 255])
def test_other_tables_are_refused(bad: list[int]) -> None:
    with pytest.raises(ParameterError):
        WarpTable(torch.tensor(bad))


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("case", warps.CASES)
def test_numba_leaves_what_the_reference_leaves(case: str, streams: int) -> None:
    warps.check(case, streams, "cpu", "numba")


@pytest.mark.parametrize(
    ("streams", "way"), [(96 * 132, 0), (64 * 132, 1), (16 * 132, 1), (512, 2), (4, 2), (5, 3)]
)
def test_ways_of_a_card(streams: int, way: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "processors", lambda device: 132)
    found = launch.launch_for(streams, torch.device("cuda"))
    assert found == launch.LAUNCHES[way]
    assert streams % found.streams == 0


def test_symbols_without_a_code_and_lost_words_are_found() -> None:
    warps.check_faults(2, "cpu", "numba")


@pytest.mark.parametrize("chains", ["1", "2"])
def test_interpreted_kernels_leave_what_the_reference_leaves(chains: str) -> None:
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.bits.warps", chains], cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(warps.CASES)
