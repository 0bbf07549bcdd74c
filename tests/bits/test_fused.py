"""One kernel in place of many operators: the same integers, interpreted."""

from typing import Any, Self

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from revc.runtime.bits.dist.base import in_units
from revc.runtime.bits.snap import STEPS, snap_scale
from revc.runtime.bits.tables import shape
from revc.runtime.bits.window import interval, window_of
from tests.interpreted import printed


def test_interpreted_kernels_give_the_operators_integers() -> None:
    printed("tests.bits.fused")


class Launch:
    """A kernel that is not run, and knows how often it was to be."""

    def __init__(self) -> None:
        self.calls = 0

    def __getitem__(self, grid: tuple[int, ...]) -> Self:
        return self

    def __call__(self, *arguments: Any, **options: Any) -> None:
        self.calls += 1


class Operators(TorchDispatchMode):
    """Counts the operators that compute something."""

    found = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        views = any(r.alias_info and not r.alias_info.is_write for r in func._schema.returns)
        self.found += not views and not func._opname.startswith("empty")
        return func(*args, **kwargs or {})


def test_a_sequences_length_is_two_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    from revc.runtime.bits.gpu import length

    grid = (torch.full((4, 9, 1), 1 << 16).int(), torch.zeros(4, 9, 1).long(),
            torch.full((4, 9, 1), 30).to(torch.uint8))  # fmt: skip
    symbols = torch.zeros(4, 9).int()
    interval("logistic", symbols, *grid).length()  # tables are made once
    with Operators() as before:
        in_units(interval("logistic", symbols, *grid).length())
    kernels = Launch(), Launch()
    monkeypatch.setattr(length, "lengths", kernels[0])
    monkeypatch.setattr(length, "totals", kernels[1])
    with Operators() as after:
        length.in_units(length.window_lengths("logistic", symbols, *grid, 65535, False))
    assert [kernel.calls for kernel in kernels] == [1, 1]
    assert after.found == 0
    assert before.found >= 120


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
