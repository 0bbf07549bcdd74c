"""The nets of a retrofitted spec: a layer's increment, and what the coarse form needs beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from revc.retrofitting.layer_calls import LayerCall


class Increment(nn.Module):
    """What a layer adds to its input: ``layer(x) - x``. The layer keeps its parameters."""

    def __init__(self, layer: nn.Module, how: LayerCall) -> None:
        super().__init__()
        self.layer, self.how = layer, how

    def forward(self, x: Tensor, *givens: Tensor) -> Tensor:
        """Return the increment of x [B, T, d], in the dtype of the layer's parameters."""
        weight = next(self.layer.parameters(), x)
        x = x.to(weight.dtype)  # a coarse copy is float32, whatever the layer is
        out = self.layer(x, **self.how.arguments(givens, x.dtype))
        return first(out) - x


def first(out: object) -> Tensor:
    """Return the hidden states of what a layer returned: layers may return them in a tuple."""
    return out[0] if isinstance(out, tuple) else out  # type: ignore[return-value]


class Grid(nn.Module):
    """The distance of the values that a coarse copy may have, [1], in the units of the state."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self.step: Tensor
        self.register_buffer("step", torch.tensor([step]), persistent=False)

    def forward(self) -> Tensor:
        """Return the distance."""
        return self.step


class Predictor(nn.Module):
    """Where a coarse copy lies, given the layer's output: the parameters of a logistic.

    Location ``slope * x + offset`` and scale, an element of the last axis each, in steps of the
    grid. `scale` is what `logistic` reads: 1/2 + softplus(scale) steps.
    """

    def __init__(self, slope: Tensor, offset: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.slope: Tensor
        self.offset: Tensor
        self.scale: Tensor
        for name, value in (("slope", slope), ("offset", offset), ("scale", scale)):
            self.register_buffer(name, value, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return locations and scales, [B, T, 2 d], of x [B, T, d], in the dtype of the fit."""
        location = torch.addcmul(self.offset, x.to(self.slope.dtype), self.slope)
        return torch.cat([location, self.scale.expand_as(location)], -1)
