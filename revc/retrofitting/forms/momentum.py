"""The momentum form: ``v <- g v + (1 - g) f(x); x <- x + v``.

Source: Sander, Ablin, Blondel, Peyre, "Momentum Residual Neural Networks" (2021). With a small g it
is nearly ``x <- x + f(x)``. The product g v is undone exactly: what it rounds off goes to the tape,
log2(1/g) bits an element and layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor, nn

from revc.errors import BindError
from revc.retrofitting.forms.base import Form, Increments, Outline
from revc.retrofitting.increments import Increment
from revc.retrofitting.layer_calls import LayerCall

GATE = 1024
"""A factor of `scale` is a multiple of 1/GATE."""


class Momentum(Form):
    """Momentum g, a multiple of 1/1024 between 0 and 1.

    Raises:
        BindError: g is no such number.
    """

    name = "momentum"

    def __init__(self, g: float) -> None:
        if not (0 < g < 1) or g * GATE != round(g * GATE):
            raise BindError(f"momentum = {g:g}: it is a multiple of 1/{GATE} between 0 and 1")
        self.g = g

    @property
    def bits(self) -> float:
        """Bits that an element and layer takes on the tape: log2(1/g)."""
        return -math.log2(self.g)

    def spec(self, outline: Outline) -> str:
        """Return the spec's text; the first layer finds no velocity, and pays nothing."""
        kept, new = (f"{part.numerator}/{part.denominator}" for part in self._parts())
        step = f"{new} * {{}}(x{outline.passed})"
        lines = [
            "alloc v: [B, T, d] = 0",
            f"net First{outline.net}",
            f"v += {step.format('First')}",
            "x += v",
        ]
        if outline.layers > 1:
            lines += [
                f"repeat {outline.layers - 1} {{",
                f"net Layer{outline.net}",
                f"scale v by {kept} as kept",
                f"v += {step.format('Layer')}",
                "x += v",
                "}",
            ]
        comment = [
            f"{outline.layers} layers with momentum: v <- {kept} v + {new} f(x), x <- x + v.",
            f"What is rounded off goes to the tape: {self.bits:.4g} bits an element and layer.",
        ]
        bits = (outline.layers - 1) * (self.bits + 0.01)
        return outline.text(comment, "x: [B, T, d], v: [B, T, d]", "\n".join(lines), bits)

    def _parts(self) -> tuple[Fraction, Fraction]:
        """Return what is kept of the velocity, and what is taken of the increment."""
        kept = Fraction(round(self.g * GATE), GATE)
        return kept, 1 - kept

    def nets(self, layers: Sequence[nn.Module], how: LayerCall) -> dict[str, list[nn.Module]]:
        """Return the increments."""
        made: list[nn.Module] = [Increment(layer, how) for layer in layers]
        return {"First": made[:1], "Layer": made[1:]} if len(made) > 1 else {"First": made}

    def numbers(self) -> dict[str, float]:
        """Return the momentum."""
        return {"momentum": self.g}

    def plain(self, x: Tensor, increments: Increments) -> Tensor:
        """Return the last hidden states by floats alone."""
        velocity: Tensor | None = None
        for increment in increments:
            new = (1 - self.g) * increment(x)
            velocity = new if velocity is None else self.g * velocity + new
            x = x + velocity
        return x
