"""Logistic and Gaussian integers: one component or a mixture, in a window.

Beyond a window lies an escape to any int32, at one point of 2**16: a draw meets it once in 65536
symbols. A *bounded* window has none. The kernels follow ``cpu.window``; ``bits.window`` books them. Values are indices:
index k stands for the value k * step, and has the mass of [(k - 1/2) step, (k + 1/2) step).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Self

import torch
from torch import Tensor

from revc.runtime.bits import gridops, ops
from revc.runtime.bits.constants import LENGTH_UNIT
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.tables import SCALES, scale_value
from revc.runtime.bits.dist.base import Coder, Distribution, Level

LN2 = math.log(2.0)


@cache
def _scales(device: torch.device) -> Tensor:
    """The scales of the grid as floats, float64 [256]."""
    return torch.tensor([scale_value(j) for j in range(SCALES)], device=device).double()


def log_mass(family: str, index: Tensor, loc: Tensor, scale: Tensor, step: float) -> Tensor:
    """ln P(index) of one real-valued component, differentiable in ``loc`` and ``scale``.

    Uses s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)) for the logistic CDF s, and the tail on the far
    side of the mean for the normal one. Scales below half a step count as half a step.
    """
    scale = scale.clamp(min=step / 2)
    upper = ((index + 0.5) * step - loc) / scale
    lower = upper - step / scale
    if family == "logistic":
        edges = torch.nn.functional.logsigmoid(upper) + torch.nn.functional.logsigmoid(-lower)
        return edges + torch.log(-torch.expm1(-step / scale))
    right = lower > 0
    low, high = torch.where(right, -upper, lower), torch.where(right, -lower, upper)
    top = torch.special.log_ndtr(high)
    return top + torch.log1p(-torch.exp(torch.special.log_ndtr(low) - top))


class Window(Distribution):
    """One component per symbol; base of ``Logistic`` and ``Gaussian``.

    ``loc`` and ``scale`` are float tensors of the symbols' shape in units of values, ``step`` is
    the distance of neighbouring values. Or, with ``from_grid``, both are integers already.
    ``bounded`` leaves out the escape: then only indices in the window can be coded.

    Raises:
        ParameterError: a step that is not positive, or parameters that are no floats; that they
            are finite is checked as they code.
    """

    family = "logistic"
    level: Level = "repeatable"

    def __init__(
        self, loc: Tensor, scale: Tensor, step: float = 1.0, bounded: bool = False
    ) -> None:
        if not 0 < step < math.inf:
            raise ParameterError(f"a step is positive and finite, not {step}")
        if not loc.is_floating_point() or not scale.is_floating_point():
            raise ParameterError("loc and scale are float tensors; see from_grid for integers")
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.step, self.bounded = step, bounded
        self.grid: tuple[Tensor, Tensor] | None = None

    @classmethod
    def from_grid(cls, loc: Tensor, scale: Tensor, bounded: bool = False) -> Self:
        """Portable parameters: ``loc`` int64 in 2**-8 steps, ``scale`` uint8 of the scale grid.

        Raises:
            ParameterError: another dtype, or two shapes.
        """
        if loc.dtype != torch.int64 or scale.dtype != torch.uint8 or loc.shape != scale.shape:
            raise ParameterError("grid parameters are loc int64 and scale uint8 of one shape")
        made = cls(loc.double() / 256, _scales(loc.device)[scale.long()], bounded=bounded)
        made.grid = loc, scale
        made.level = "portable"
        return made

    @property
    def shape(self) -> torch.Size:
        """Shape of the parameters, which is that of the symbols."""
        return self.loc.shape

    def snapped(self, token: Tensor | None) -> tuple[Tensor, Tensor]:
        """(loc int64, scale uint8) on the grid; ParameterError for values that are not finite."""
        return self.grid or gridops.snap_window(
            token, self.loc.detach(), self.scale.detach(), self.step
        )

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push int32 indices: any, far ones by escape; if bounded, those in the window."""
        grid = self.snapped(stack.token)
        ops.push_single(stack.token, symbols, *grid, self.family, self.bounded)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; int32 indices of ``shape``."""
        popped: Tensor = ops.pop_single(
            stack.token, shape, *self.snapped(stack.token), self.family, self.bounded
        )
        return popped

    def code_length(self, symbols: Tensor) -> Tensor:
        """-log2 of the mass between half-way points; gradients reach ``loc`` and ``scale``."""
        return -log_mass(self.family, symbols, self.loc, self.scale, self.step) / LN2

    def exact_length(self, symbols: Tensor) -> Tensor:
        """Length under the integer CDF, low bits and escapes included."""
        loc, scale = self.snapped(None)
        weight = torch.full(loc.shape, 1 << 16, dtype=torch.int32, device=loc.device)
        grid = (t[..., None] for t in (weight, loc, scale))
        length: Tensor = gridops.window_length(self.family, symbols, *grid, self.bounded)
        return length

    def entropy_bits(self) -> Tensor:
        """Entropy of the bounded window, low bits included."""
        units: Tensor = gridops.single_entropy(self.family, *self.snapped(None))
        return units.double() / LENGTH_UNIT

    def inside(self, symbols: Tensor) -> Tensor:
        """Which indices lie in their windows, if those are bounded."""
        return inside_ends(symbols, self.ends())

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest indices in the windows, if those are bounded."""
        return clip_to_ends(symbols, self.ends())

    def ends(self) -> tuple[Tensor, Tensor] | None:
        """Least and largest index in the windows, if those are bounded."""
        if not self.bounded:
            return None
        loc, scale = self.snapped(None)
        low, high = gridops.window_ends(self.family, loc[..., None], scale[..., None])
        return low, high


def inside_ends(symbols: Tensor, ends: tuple[Tensor, Tensor] | None) -> Tensor:
    """Which symbols are in [low, high]; all without ``ends``."""
    if ends is None:
        return torch.ones_like(symbols, dtype=torch.bool)
    return (symbols >= ends[0]) & (symbols <= ends[1])


def clip_to_ends(symbols: Tensor, ends: tuple[Tensor, Tensor] | None) -> Tensor:
    """Symbols moved into [low, high], in their own dtype; as they are without ``ends``."""
    if ends is None:
        return symbols
    return torch.minimum(torch.maximum(symbols.long(), ends[0]), ends[1]).to(symbols.dtype)


class Logistic(Window):
    """Discretised logistic with mean ``loc`` and scale ``scale`` (not a standard deviation)."""

    family = "logistic"


class Gaussian(Window):
    """Discretised normal with mean ``loc`` and standard deviation ``scale``."""

    family = "gaussian"


class Mixture(Distribution):
    """Mixture of discretised logistics (or Gaussians), C components on the last axis.

    ``logits``, ``loc``, ``scale`` are float [..., C] for symbols [...]. The window spans all
    components, and when it is wider than 256 steps its symbols are cells of 2**b steps;
    ``bounded`` leaves out the escape.

    Raises:
        ParameterError: a step that is not positive, another family, or parameters of several
            shapes; that they are finite is checked as they code.
    """

    level: Level = "repeatable"

    def __init__(
        self, logits: Tensor, loc: Tensor, scale: Tensor, step: float = 1.0,
        family: str = "logistic", bounded: bool = False,
    ) -> None:  # fmt: skip
        if not 0 < step < math.inf:
            raise ParameterError(f"a step is positive and finite, not {step}")
        if family not in ("logistic", "gaussian"):
            raise ParameterError(f"no family {family!r}; there are 'logistic' and 'gaussian'")
        if not logits.shape == loc.shape == scale.shape or not loc.dim():
            raise ParameterError("logits, loc and scale have one shape [..., C]")
        self.logits, self.loc, self.scale = logits, loc, scale
        self.step, self.family, self.bounded = step, family, bounded
        self.grid: tuple[Tensor, Tensor, Tensor] | None = None

    @classmethod
    def from_grid(
        cls, weight: Tensor, loc: Tensor, scale: Tensor, family: str = "logistic",
        bounded: bool = False,
    ) -> Mixture:  # fmt: skip
        """Portable parameters [..., C]: ``weight`` int32 whose rows sum to 2**16, and the grid's.

        ``loc`` and ``scale`` are as of ``Window.from_grid``.

        Raises:
            ParameterError: another dtype, a negative weight, another sum, or several shapes.
        """
        if weight.dtype != torch.int32 or bool((weight < 0).any()):
            raise ParameterError("grid weights are non-negative int32")
        if bool((weight.long().sum(-1) != 1 << 16).any()):
            raise ParameterError("grid weights sum to 2**16")
        base = Window.from_grid(loc, scale)
        made = cls(torch.log(weight.double()), base.loc, base.scale, 1.0, family, bounded)
        made.grid = weight, loc, scale
        made.level = "portable"
        return made

    @property
    def shape(self) -> torch.Size:
        """Shape of the symbols: that of the parameters without C."""
        return self.loc.shape[:-1]

    def snapped(self, token: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """(weight int32, loc int64, scale uint8); ParameterError for values not finite."""
        if self.grid:
            return self.grid
        weight = gridops.mixture_weights(token, self.logits.detach())
        loc, scale = self.loc.detach(), self.scale.detach()
        return weight, *gridops.snap_window(token, loc, scale, self.step)

    def push(self, stack: Coder, symbols: Tensor) -> None:
        """Push int32 indices: any, far ones by escape; if bounded, those in the window."""
        grid = self.snapped(stack.token)
        ops.push_mixture(stack.token, symbols, *grid, self.family, self.bounded)

    def pop(self, stack: Coder, shape: Sequence[int]) -> Tensor:
        """Undo ``push``; int32 indices of ``shape``."""
        popped: Tensor = ops.pop_mixture(
            stack.token, shape, *self.snapped(stack.token), self.family, self.bounded
        )
        return popped

    def code_length(self, symbols: Tensor) -> Tensor:
        """-log2 of the mixture's mass; gradients reach all parameters."""
        mass = log_mass(self.family, symbols[..., None], self.loc, self.scale, self.step)
        return -torch.logsumexp(torch.log_softmax(self.logits, -1) + mass, -1) / LN2

    def exact_length(self, symbols: Tensor) -> Tensor:
        """Length under the integer CDF, low bits and escapes included."""
        grid = self.snapped(None)
        length: Tensor = gridops.window_length(self.family, symbols, *grid, self.bounded)
        return length

    def entropy_bits(self) -> Tensor:
        """Entropy of the bounded window, low bits included."""
        units: Tensor = gridops.mixture_entropy(self.family, *self.snapped(None))
        return units.double() / LENGTH_UNIT

    def inside(self, symbols: Tensor) -> Tensor:
        """Which indices lie in their windows, if those are bounded."""
        return inside_ends(symbols, self.ends())

    def clip(self, symbols: Tensor) -> Tensor:
        """The nearest indices in the windows, if those are bounded."""
        return clip_to_ends(symbols, self.ends())

    def ends(self) -> tuple[Tensor, Tensor] | None:
        """Least and largest index in the windows, if those are bounded."""
        if not self.bounded:
            return None
        low, high = gridops.window_ends(self.family, *self.snapped(None)[1:])
        return low, high
