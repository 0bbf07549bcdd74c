"""A pop of a mixture looks at few boundaries, on both back ends: halvings would take nine."""

import json

import numpy as np
import pytest
import torch

from revc.runtime.bits.cpu import mixture
from revc.runtime.bits.dist import Mixture
from revc.runtime.bits.tables import guide_tensors, window_tensors
from revc.runtime.bits.window import boundaries, window_of
from tests.bits.looks import MODELS
from tests.interpreted import printed

MOST = {"modes apart": 4.0, "modes far apart": 6.0}
"""Looks a symbol, where modes are not one hump; 2 elsewhere."""


def test_interpreted_pops() -> None:
    found = json.loads(printed("tests.bits.looks"))
    assert set(found) == set(MODELS)
    assert all(1 <= looks <= 2 for looks, _ in found.values()), "the slowest of 64 lanes"
    assert all(1 <= steps <= 8 for _, steps in found.values())
    assert all(found[name][1] <= 5 for name in set(MODELS) - set(MOST))


def searched(model: Mixture, points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Looks at each of ``points``, whose symbols are held against the table of all boundaries."""
    grid = [t.reshape(1, -1, 3) for t in model.snapped(None)]
    tables = window_tensors(model.family, torch.device("cpu"))[:4]
    guides = guide_tensors(model.family, torch.device("cpu"))[:2]
    cdf = boundaries(model.family, *grid, True)[0].numpy()
    windows = zip(*(t[0].tolist() for t in window_of(model.family, *grid[1:])), strict=True)
    arrays, found = [t.numpy() for t in (*grid, *tables, *guides)], []
    look, calls = mixture.bounds, [0]

    def counted(*arguments: object) -> tuple[int, int]:
        calls[0] += 1
        return look.py_func(*arguments)  # type: ignore[no-any-return]

    monkeypatch.setattr(mixture, "bounds", counted)
    monkeypatch.setattr(mixture, "guess", mixture.guess.py_func)
    monkeypatch.setattr(mixture, "inner", mixture.inner.py_func)
    for e, (window, point) in enumerate(zip(windows, points.tolist(), strict=True)):
        calls[0] = 0
        i, *ends = mixture.search.py_func(
            point, *window, 1 << 16, *arrays, np.uint64(0), np.uint64(e)
        )
        assert i == np.searchsorted(cdf[e, : window[2] + 1], point, side="right") - 1
        assert [int(end) for end in ends] == cdf[e, i : i + 2].tolist()
        found.append(calls[0])
    monkeypatch.undo()
    return found


@pytest.mark.parametrize("name", MODELS)
def test_pops_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS[name]()
    count = model.shape.numel()
    points = np.arange(count) * 40503 % 65536
    points[:8] = [0, 1, 2, 300, 65535, 65534, 65533, 65200]
    looks = searched(model, points, monkeypatch)
    assert sum(looks) / count <= MOST.get(name, 2.0)
    assert max(looks) <= 8 + 9, "eight steps of Newton's method, and then halvings"
