"""Two affine maps around an activation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets.base import Net
from revc.runtime.nets.linear import uniform

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "silu": functional.silu,
}


class Mlp(Net):
    """[.., n] to [.., out] through `width` hidden units; `swiglu` is silu(a) * b, Shazeer 2020."""

    def __init__(self, n: int, width: int, out: int, act: str = "gelu") -> None:
        super().__init__()
        self.act = act
        inner = 2 * width if act == "swiglu" else width
        self.weight_in = nn.Parameter(uniform(inner, n))
        self.bias_in = nn.Parameter(torch.zeros(inner))
        self.weight_out = nn.Parameter(uniform(out, width))
        self.bias_out = nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor) -> Tensor:
        """Return the image, [.., out], of `x`, [.., n]."""
        hidden = functional.linear(x, self.weight_in, self.bias_in)
        if self.act == "swiglu":
            gate, value = hidden.chunk(2, -1)
            hidden = functional.silu(gate) * value
        else:
            hidden = ACTIVATIONS[self.act](hidden)
        return functional.linear(hidden, self.weight_out, self.bias_out)
