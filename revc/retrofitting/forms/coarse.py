"""The coarse form: each layer reads a rounded copy c of the state, ``x <- x + f(s c)``.

The copy alone goes to the tape, coded by what the layer's output says of it. The state itself stays
fine. The grid s of a layer is a fraction of its input's spread.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from revc.retrofitting.forms.base import Form, Increments, Outline
from revc.retrofitting.increments import Grid, Increment, Predictor
from revc.retrofitting.layer_calls import LayerCall


class Coarse(Form):
    """Grids and predictors, one a layer, and the most bits that an element and layer may take."""

    name = "coarse"

    def __init__(
        self, grids: Sequence[Grid], predictors: Sequence[Predictor], bound: float
    ) -> None:
        self.grids, self.predictors = list(grids), list(predictors)
        self.bound = bound

    def spec(self, outline: Outline) -> str:
        """Return the spec's text."""
        lines = [
            f"repeat {outline.layers} {{",
            f"net Layer{outline.net}",
            "net Grid() -> [1]",
            "net Predictor(x: [B, T, d]) -> [B, T, 2*d]",
            "alloc c: lattice(Q32.0)[B, T, d] = 0",
            "c += x / Grid()",
            f"x += Layer(Grid() * c{outline.passed})",
            "put c by logistic(Predictor(x), step = 1) as kept",
            "}",
        ]
        comment = [
            f"{outline.layers} layers that read a coarse copy c of the state: x <- x + f(s c).",
            "The copy goes to the tape, coded by what the layer's output says of it.",
        ]
        return outline.text(comment, "x: [B, T, d]", "\n".join(lines), outline.layers * self.bound)

    def nets(self, layers: Sequence[nn.Module], how: LayerCall) -> dict[str, list[nn.Module]]:
        """Return the increments, the grids and the predictors."""
        increments: list[nn.Module] = [Increment(layer, how) for layer in layers]
        return {"Layer": increments, "Grid": [*self.grids], "Predictor": [*self.predictors]}

    def plain(self, x: Tensor, increments: Increments) -> Tensor:
        """Return the last hidden states by floats alone; rounding passes gradients straight on."""
        for grid, increment in zip(self.grids, increments, strict=True):
            step = grid.step.to(x.dtype)
            copy = step * (x / step).round()
            x = x + increment(x + (copy - x).detach())
        return x

    def numbers(self) -> dict[str, float]:
        """Return the most bits that an element and layer may take."""
        return {"bits": self.bound}

    def calibrated(self) -> nn.Module:
        """Return grids and predictors in one module."""
        return nn.ModuleList([*self.grids, *self.predictors])
