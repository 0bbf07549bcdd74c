"""What captured nets hold: the peak of built-in ones, at any depth."""

import pytest

from benchmarks import measures
from benchmarks.nets import STREAM


@pytest.mark.parametrize(
    ("arm", "most"), [("revc float, torch nets", 14.1), ("revc lattice, torch nets", 16.1)]
)
def test_a_step_with_torch_nets_holds_what_built_in_ones_do(arm: str, most: float) -> None:
    first, second = (measures.peak(arm, layers) for layers in (1, 2))
    assert second <= most * STREAM
    assert abs(first - second) <= 0.01 * STREAM
