"""constriction, given the symbols of an exchange, takes the bits of the integer model."""

from typing import Any

import pytest
import torch

from revc.audit.oracle import coded, parts
from revc.audit.watch import Exchange
from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import Categorical, Gaussian, Logistic, Mixture, Table, Uniform
from revc.runtime.bits.dist.uniform import WideUniform

pytest.importorskip("constriction")
RANDOM = torch.Generator().manual_seed(1)


def _normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    "by",
    [
        Table(torch.tensor([1000, 60000, 4536])),
        Uniform(10),
        Uniform(1 << 20),
        WideUniform(torch.tensor([[3, 70_000, 1, 65_537] * 50])),
        Categorical(_normal(1, 200, 30)),
        Categorical(_normal(1, 200, 700)),
        Logistic(_normal(1, 200), _normal(1, 200).abs() + 0.1, 0.25),
        Logistic(_normal(1, 200), _normal(1, 200).abs() * 1e4 + 1, 1.0, bounded=True),
        Gaussian(_normal(1, 200), _normal(1, 200).abs() + 0.1, 0.25),
        Mixture(_normal(1, 200, 3), _normal(1, 200, 3) * 9, _normal(1, 200, 3).abs() + 0.1),
    ],
    ids=lambda by: type(by).__name__,
)
def test_lengths(by: Any) -> None:
    symbols = BitStack(1, seed=3).pop(by, (1, 200))
    found = parts(Exchange("tape", True, by, symbols), 1)
    assert found is not None
    wanted = float(by.shannon(symbols).sum()) / UNIT
    assert abs(coded(found) - wanted) < 0.01 * 200


@pytest.mark.parametrize("far", [-4000, 4000, -20, 20, 2**31 - 1])
def test_escapes(far: int) -> None:
    by = Logistic(torch.zeros(1, 60), torch.ones(1, 60))
    symbols = torch.full((1, 60), far, dtype=torch.int32)
    found = parts(Exchange("tape", True, by, symbols), 1)
    assert found is not None
    wanted = float(by.shannon(symbols).sum()) / UNIT
    assert abs(coded(found) - wanted) < 0.01 * 60
