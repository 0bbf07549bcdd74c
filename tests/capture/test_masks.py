"""Boolean givens: brought nets get them as they are, built-in ones as labels."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import revc
from revc.errors import BindError

SPEC = """use std.nets: embedding
dim B, T, d
state {state}
model M(a, b: [B, T, d], given mask: label({labels})[T, T], given side: label(2)[B, T]) {{
  net F(x: [B, T, d], mask: label({labels})[T, T]) -> [B, T, d]
  net E = embedding(2)
  a += F(b, mask)
  b += E(side)
}}
"""


class Attending(nn.Module):
    """Attention that sees what a mask lets it see."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(8, 8)
        self.kinds: set[torch.dtype] = set()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        self.kinds.add(mask.dtype)
        query = self.line(x)
        return functional.scaled_dot_product_attention(query, x, x, mask)


def model_of(state: str, labels: int = 2, capture: str = "never") -> nn.Module:
    torch.manual_seed(0)
    text = SPEC.format(state=state, labels=labels)
    return revc.compile(text, dims={"d": 8}, nets={"F": Attending}, capture=capture)


def inputs() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(2, 4, 8, requires_grad=True) for _ in range(2)]


@pytest.mark.parametrize("state", ["lattice(Q12.20)", "float32"])
def test_a_net_gets_booleans_and_all_else_labels(state: str) -> None:
    model = model_of(state)
    mask, side = torch.ones(4, 4, dtype=torch.bool).tril(), torch.rand(2, 4) > 0.5
    out = model(*inputs(), mask, side)
    (out.a.sum() + out.b.square().sum()).backward()
    (net,) = (net for net in model.net_modules() if isinstance(net, Attending))
    assert net.kinds == {torch.bool}
    also = model(*inputs(), mask, side.long())
    assert all(torch.equal(one, other) for one, other in zip(out, also, strict=True))
    a, b = inputs()
    torch.testing.assert_close(out.a, a + net(b, mask), atol=1e-5, rtol=1e-5)
    back = model.inverse(out)
    torch.testing.assert_close(back[0], a.detach(), atol=1e-5, rtol=1e-5)


def test_more_labels_than_two_are_no_booleans() -> None:
    model = model_of("float32", labels=3)
    mask, side = torch.ones(4, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.int64)
    with pytest.raises(BindError, match=r"mask is torch\.bool; labels are integers"):
        model(*inputs(), mask, side)
