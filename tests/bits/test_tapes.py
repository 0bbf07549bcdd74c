"""One algorithm, one tape: the golden hashes hold on every back end and in the reference."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Table, Uniform
from revc.runtime.bits.gridops import snap_window
from tests.bits import tapes
from tests.bits.mirror import Mirror

ROOT = Path(__file__).resolve().parents[2]
WANTED = json.loads(tapes.GOLDEN.read_text())


def test_golden_file_is_complete() -> None:
    names = {f"{kind}-{size}" for kind in tapes.KINDS for size in tapes.SHAPES}
    names |= {f"{kind}-{size}" for kind in tapes.LONG_KINDS for size in tapes.LONG}
    assert set(WANTED) == names
    assert len(set(WANTED.values())) == len(names)


@pytest.mark.parametrize("kind", tapes.KINDS)
@pytest.mark.parametrize("size", tapes.SHAPES)
def test_numba(kind: str, size: str) -> None:
    assert tapes.tape(kind, size, "numba") == WANTED[f"{kind}-{size}"]


@pytest.mark.parametrize("kind", tapes.LONG_KINDS)
@pytest.mark.parametrize("size", tapes.LONG)
def test_numba_far_from_the_floor(kind: str, size: str) -> None:
    assert tapes.long_tape(kind, size, "numba") == WANTED[f"{kind}-{size}"]


def test_triton_interpreted() -> None:
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.bits.tapes", "triton"],
        cwd=ROOT, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == WANTED


@pytest.mark.parametrize("size", tapes.SHAPES)
@pytest.mark.parametrize("kind", ["table", "uniform", "logistic", "gaussian", "bounded", "scale"])
def test_reference(kind: str, size: str) -> None:
    mode, b, lanes = tapes.SHAPES[size]
    stack = BitStack(b, lanes, seed=2**40 + 17, mode=mode)
    mirror = Mirror(stack)
    if kind == "scale":
        x = (tapes.numbers(1 << 30, (b, 44), 13) - (1 << 29)).int()
        n = tapes.numbers(1 << 14, x.shape, 14) + 1
        y = mirror.scale(x, n, 14)
        mirror.unscale(y + 1, n + 3, 12)
        mirror.scale(y, n, 14)
        assert mirror.digest(stack) == WANTED[f"{kind}-{size}"]
        return
    chosen, symbols = tapes.distribution(kind, b)
    if isinstance(chosen, Table):
        bounds = [*chosen.start.tolist(), 65536]
        mirror.pop_cdf(symbols.shape, lambda _b, _e: bounds)
        mirror.push_cdf(symbols, lambda _b, _e: bounds)
        mirror.push_cdf(symbols, lambda _b, _e: bounds)
        mirror.pop_cdf(symbols.shape, lambda _b, _e: bounds)
    elif isinstance(chosen, Uniform) and isinstance(chosen.n, torch.Tensor):
        mirror.pop_uniform(chosen.n)
        mirror.push_uniform(symbols, chosen.n)
        mirror.push_uniform(symbols, chosen.n)
        mirror.pop_uniform(chosen.n)
    else:
        loc, scale = snap_window(None, chosen.loc, chosen.scale, chosen.step)  # type: ignore[attr-defined]
        grid = (torch.full_like(loc, 1 << 16)[..., None], loc[..., None], scale[..., None])
        bounded, family = kind == "bounded", "gaussian" if kind == "gaussian" else "logistic"
        mirror.pop_window(family, *grid, bounded=bounded)
        mirror.push_window(family, symbols, *grid, bounded=bounded)
        mirror.push_window(family, symbols, *grid, bounded=bounded)
        mirror.pop_window(family, *grid, bounded=bounded)
    assert mirror.digest(stack) == WANTED[f"{kind}-{size}"]
