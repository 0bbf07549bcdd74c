"""Parameter nets whose output is the same integer on every device and at every batch size.

Snapping the output of a float net to a grid is not enough: it lands on either side of a border
now and then. These nets compute in integers. Weights and activations are int8, and a layer is a
float32 matrix product of integers whose partial sums stay below 2**24: every one is exact, so the
order of summation, fused steps and TF32 make no difference. Rescaling is a rounding shift.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from revc.runtime.bits.dist import Categorical, Logistic, Mixture
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.integer import fixed_exponentials, shares
from revc.runtime.bits.tables import PER_OCTAVE, SCALES

LIMIT = 127
FRACTION = 16
"""Fraction bits of a net's outputs."""
EXACT = (1 << 24) // (LIMIT * LIMIT)
"""Longest sum of int8 products that float32 holds exactly."""
ACCUMULATOR = 1 << 46
"""Bound on outputs and biases, far inside int64."""


def exact_matmul(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., K] times weight [M, K] transposed, int64 [..., M], for integers in [-127, 127]."""
    total = torch.zeros((*x.shape[:-1], weight.shape[0]), dtype=torch.int64, device=x.device)
    for first in range(0, weight.shape[1], EXACT):
        part = slice(first, first + EXACT)
        total += torch.matmul(x[..., part].float(), weight[:, part].float().T).long()
    return total


def round_shift(value: Tensor, bits: int) -> Tensor:
    """value / 2**bits, rounded half up, for int64 values; bits may be negative."""
    if bits <= 0:
        return value << -bits
    return (value + (1 << (bits - 1))) >> bits


@dataclass(frozen=True)
class IntegerLinear:
    """y = weight x + bias with x in units of 2**-x_bits and weight in units of 2**-w_bits."""

    weight: Tensor
    """int8 [M, K] in [-127, 127]."""
    bias: Tensor
    """int64 [M] in units of 2**-(x_bits + w_bits)."""
    x_bits: int
    w_bits: int

    def __call__(self, x: Tensor) -> Tensor:
        """int64 [..., M] in units of 2**-(x_bits + w_bits), for x int8 or wider [..., K]."""
        return exact_matmul(x, self.weight) + self.bias


def unit_bits(values: Tensor) -> int:
    """Largest b with max|values| * 2**b <= 127."""
    largest = float(values.detach().abs().max())
    return 0 if largest == 0 else math.floor(math.log2(LIMIT / largest))


class IntegerNet:
    """Linear layers with ReLU between them, exact in integers.

    ``from_float`` converts a trained ``nn.Sequential`` of ``nn.Linear`` and ``nn.ReLU``. A call
    takes integers [..., K] in units of 2**-input_bits (clamped to int8) and gives int64 [..., M]
    in units of 2**-16.
    """

    def __init__(self, layers: list[IntegerLinear]) -> None:
        if not layers:
            raise ParameterError("an integer net has at least one layer")
        for layer in layers:
            if layer.weight.dtype != torch.int8 or layer.bias.dtype != torch.int64:
                raise ParameterError("an integer layer has int8 weights and an int64 bias")
            if bool((layer.weight == -128).any()) or bool((layer.bias.abs() > ACCUMULATOR).any()):
                raise ParameterError("integer weights are in [-127, 127], biases below 2**46")
        self.layers = layers

    @property
    def input_bits(self) -> int:
        """Fraction bits of the inputs."""
        return self.layers[0].x_bits

    @classmethod
    def from_float(cls, module: nn.Sequential, sample: Tensor) -> IntegerNet:
        """Convert ``module``; ``sample`` [N, K] float inputs set the units of activations.

        Raises:
            ParameterError: ``module`` holds something else than Linear and ReLU.
        """
        linears = [part for part in module if isinstance(part, nn.Linear)]
        others = [part for part in module if not isinstance(part, nn.Linear | nn.ReLU)]
        if others:
            raise ParameterError(f"an integer net is made of Linear and ReLU, not {others[0]}")
        layers, x = [], sample.detach().float()
        for index, linear in enumerate(linears):
            x_bits, w_bits = unit_bits(x), unit_bits(linear.weight)
            weight = torch.round(linear.weight.detach().double() * 2.0**w_bits).to(torch.int8)
            bias = (
                torch.zeros(weight.shape[0], device=weight.device)
                if linear.bias is None
                else linear.bias.detach()
            )
            fixed = torch.round(bias.double() * 2.0 ** (x_bits + w_bits)).long()
            layers.append(IntegerLinear(weight, fixed.to(weight.device), x_bits, w_bits))
            x = nn.functional.linear(x, linear.weight.detach(), bias)
            x = torch.relu(x) if index < len(linears) - 1 else x
        return cls(layers)

    def inputs(self, values: Tensor) -> Tensor:
        """Float values as the integers that a call takes; only as exact as the floats are."""
        return torch.round(values.double() * 2.0**self.input_bits).clamp(-LIMIT, LIMIT).long()

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs int64 [..., M] in units of 2**-16 for integer inputs [..., K]."""
        if x.is_floating_point():
            raise ParameterError("an integer net reads integers; see inputs()")
        for layer, after in zip(self.layers, [*self.layers[1:], None], strict=True):
            have = layer.x_bits + layer.w_bits
            out = layer(x.clamp(-LIMIT, LIMIT))
            if after is None:
                return round_shift(out, have - FRACTION)
            x = round_shift(out, have - after.x_bits).clamp(0, LIMIT)
        return x

    def digest(self) -> str:
        """SHA-256 of all that decides the output."""
        state = hashlib.sha256()
        for layer in self.layers:
            state.update(f"{list(layer.weight.shape)} {layer.x_bits} {layer.w_bits}".encode())
            state.update(layer.weight.cpu().numpy().tobytes())
            state.update(layer.bias.cpu().numpy().astype("<i8").tobytes())
        return state.hexdigest()


def grid_loc(fixed: Tensor) -> Tensor:
    """Locations in 2**-16 index units as int64 in 2**-8 ones."""
    return round_shift(fixed, FRACTION - 8)


def grid_scale(fixed: Tensor) -> Tensor:
    """log2 of scales, in units of 2**-16, as uint8 numbers of the scale grid."""
    number = round_shift(fixed.clamp(-(1 << 24), 1 << 24) * PER_OCTAVE, FRACTION) + PER_OCTAVE
    return number.clamp(0, SCALES - 1).to(torch.uint8)


def logistic(loc: Tensor, log2_scale: Tensor) -> Logistic:
    """Portable logistic for a net's outputs: location in indices, log2 of the scale."""
    return Logistic.from_grid(grid_loc(loc), grid_scale(log2_scale))


def mixture(logits: Tensor, loc: Tensor, log2_scale: Tensor) -> Mixture:
    """Portable logistic mixture for a net's outputs [..., C]."""
    weights = shares(fixed_exponentials(round_shift(logits, FRACTION - 12)))
    return Mixture.from_grid(weights, grid_loc(loc), grid_scale(log2_scale))


def categorical(logits: Tensor) -> Categorical:
    """Portable softmax for a net's outputs [..., K] in nats."""
    return Categorical.from_weights(fixed_exponentials(round_shift(logits, FRACTION - 12)))
