"""Regions that are compiled once give what their graphs give, wherever that lies in memory."""

import pytest
import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace

from revc.runtime.traced import region

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


class Halves(nn.Module):
    """Returns parts of tensors that it makes: dense ones, and one that is not."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return a part of floats behind others, of integers, of flags, and the last columns."""
        made = x.exp()
        return made[2:], (made * 8).long()[2:], (made > 1)[2:], (made + 1)[:, 3:]


def test_a_region_may_return_what_lies_behind_the_beginning_of_a_tensor() -> None:
    run = region(symbolic_trace(Halves()))

    def twice(x: Tensor) -> Tensor:
        total = torch.zeros_like(x[2:])
        for value in (x, x / 2, x / 4):
            floats, integers, flags, columns = run(value)
            total = total + floats.sin() + integers * flags + columns[2:, :1].tanh()
        return total

    x = torch.randn(4, 5)
    torch.testing.assert_close(torch.compile(twice, fullgraph=True)(x), twice(x))
