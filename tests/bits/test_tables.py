"""The frozen tables are rounded correctly, and so far from ties that any machine rounds alike."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from revc.errors import InternalError
from revc.runtime.bits import tables
from revc.runtime.bits.integer import LOG2_E_20
from revc.runtime.bits.snap import STEPS, snap_loc, snap_scale
from revc.runtime.bits.tables import CELLS, SCALES, scale_value

mpmath.mp.prec = 120
mp = mpmath.mpf


def exact_cdf(name: str) -> list[mpmath.mpf]:
    reach = tables.shape(name).reach
    middle = [(i - CELLS // 2 + mp(1) / 2) * 2 * reach / CELLS for i in range(CELLS)]
    if name == "logistic":
        return [65536 / (1 + mpmath.exp(-z)) for z in middle]
    return [65536 * mpmath.ncdf(z) for z in middle]


def check(found: np.ndarray, exact: list[mpmath.mpf], margin: float) -> None:
    """Rounded as the exact numbers are, which are further than ``margin`` from a tie."""
    assert found.tolist() == [int(mpmath.nint(x)) for x in exact]
    ties = [abs(x - mpmath.floor(x) - mp(1) / 2) for x in exact]
    assert float(min(ties)) > margin


@pytest.mark.parametrize("name", ["logistic", "gaussian"])
def test_cdf(name: str) -> None:
    shape, exact = tables.shape(name), exact_cdf(name)
    check(shape.cdf[1:-1], exact[1:-1], 1e-5)
    assert (int(shape.cdf[0]), int(shape.cdf[-1])) == (0, 65536)
    assert bool((np.diff(shape.cdf) >= 0).all())


@pytest.mark.parametrize("name", ["logistic", "gaussian"])
def test_scales(name: str) -> None:
    shape = tables.shape(name)
    for j in range(SCALES):
        scale = mpmath.power(2, mp(j) / 9 - 1)
        assert abs(mp(scale_value(j)) / scale - 1) < 1e-14
        cells = CELLS / (2 * shape.reach * 256 * scale)
        exact = cells * mpmath.power(2, int(shape.shift[j]))
        check(shape.inverse[j : j + 1], [exact], 1e-5)
        assert 1 << 15 <= int(shape.inverse[j]) <= 1 << 16
        assert int(shape.radius[j]) == int(mpmath.ceil(shape.reach * scale - mp(1e-9)))
        width = 2 * int(shape.radius[j]) + 1
        assert width >> int(shape.coarse[j]) <= 255
        assert width + 2 < 1 << 32


def test_powers_and_logarithms() -> None:
    check(tables.power_table(), [mpmath.power(2, 30 - mp(i) / 4096) for i in range(4096)], 1e-5)
    exact = [mpmath.log(1 + mp(i) / 1024, 2) * 2**40 for i in range(1024)]
    check(tables.logarithm_table(), exact, 1e-4)
    assert int(mpmath.nint(mpmath.log(mpmath.e, 2) * 2**20)) == LOG2_E_20


def test_thresholds_of_scales() -> None:
    exact = [(mpmath.power(2, (i + mp(1) / 2) / 9) - 1) * 2**52 for i in range(9)]
    assert list(STEPS) == [int(mpmath.nint(x)) for x in exact]


def test_a_table_that_came_out_otherwise_is_refused() -> None:
    with pytest.raises(InternalError, match="'powers'"):
        tables.frozen("powers", tables.digest(tables.powers() + 1))


def test_snapping() -> None:
    values = torch.tensor([0.0, 1 / 512, -1 / 512, 3 / 512, 1e300, -1e300], dtype=torch.float64)
    limit = 1 << 39
    assert snap_loc(values, 1.0).tolist() == [0, 0, 0, 2, limit, -limit]
    grid = torch.tensor([scale_value(j) for j in range(SCALES)], dtype=torch.float64)
    assert snap_scale(grid, 1.0).tolist() == list(range(SCALES))
    assert snap_scale(grid * 2.0 ** (0.49 / 9), 1.0).tolist() == list(range(SCALES))
    above = snap_scale(grid * 2.0 ** (0.51 / 9), 1.0).tolist()
    assert above == [*range(1, SCALES), SCALES - 1]
    assert snap_scale(torch.tensor([1e-300, 1e300], dtype=torch.float64), 0.5).tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("step", [1.0, 1 / 16, 0.3])
def test_the_fast_way_snaps_alike(dtype: torch.dtype, step: float) -> None:
    from revc.runtime.bits.gridops import snap_window

    random = torch.Generator().manual_seed(1)
    loc = torch.randn(20_000, generator=random, dtype=dtype) * 1e4
    scale = torch.exp(torch.randn(20_000, generator=random, dtype=dtype) * 6)
    fast = snap_window(None, loc, scale, step)
    assert torch.equal(fast[0], snap_loc(loc.double(), step))
    assert torch.equal(fast[1], snap_scale(scale.double(), step))
