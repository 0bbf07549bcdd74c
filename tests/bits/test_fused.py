"""One kernel in place of many operators: the same integers, interpreted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from revc.runtime.bits.snap import STEPS, snap_scale
from revc.runtime.bits.tables import shape
from revc.runtime.bits.window import window_of

ROOT = Path(__file__).resolve().parents[2]


def test_interpreted_kernels_give_the_operators_integers() -> None:
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.bits.fused"],
        cwd=ROOT, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_window_is_shifted_as_often_as_it_spans_more_than_255() -> None:
    scale = torch.arange(256).to(torch.uint8)[:, None]
    fine, _, size = window_of("logistic", torch.zeros(256, 1, dtype=torch.int64), scale)
    radius = shape("logistic").radius
    for j in range(256):
        spans = [(2 * int(radius[j]) + 1) >> k for k in range(32)]
        assert int(fine[j]) == sum(span > 255 for span in spans)
    assert int(size.max()) <= 257


def test_a_scale_is_compared_with_every_threshold() -> None:
    edges = (torch.tensor(STEPS) | (1023 << 52)).view(torch.float64)
    assert snap_scale(edges, 1.0).tolist() == [10 + i for i in range(9)]
