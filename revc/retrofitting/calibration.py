"""What a spec needs to know of a model's activations, measured on a batch.

The lattice's range, so that nothing is clamped; for the coarse form the grid of each layer, and how
a layer's input follows from its output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.retrofitting.increments import Grid, Predictor, first
from revc.retrofitting.layer_calls import read_call

NORMAL = 0.6745
"""The median of the absolute value of a standard normal variable."""

_ROWS = 4096
"""Tokens of a layer that are looked at for the coarse form."""


@dataclass(frozen=True)
class LayerSample:
    """What a layer read and gave: [tokens, d], float32, at most 4096 tokens of all that passed.

    Attributes:
        inputs: hidden states that went in.
        outputs: those that came out.
        largest: the largest absolute value of either, or of their difference, of all tokens.
        givens: what the layer was given beside, by the names of the spec.
    """

    inputs: Tensor
    outputs: Tensor
    largest: float
    givens: tuple[str, ...]


@torch.no_grad()
def sample_layers(
    model: nn.Module, layers: Sequence[nn.Module], batches: Sequence[Mapping[str, Any]]
) -> list[LayerSample]:
    """Run a model on batches (its arguments by name), and return what passed its layers.

    Runs in evaluation mode, and leaves the model as it was.

    Raises:
        BindError: there is no batch, a layer did not run, or something was not finite.
    """
    if not batches:
        raise BindError("calibration needs a batch: the model's arguments by name")
    seen: list[list[LayerSample]] = [[] for _ in layers]
    with _evaluating(model), _noting(layers, seen):
        for batch in batches:
            model(**batch)
    return [_joined(index, found) for index, found in enumerate(seen)]


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    flags = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, flag in flags:
            part.training = flag


@contextmanager
def _noting(layers: Sequence[nn.Module], seen: list[list[LayerSample]]) -> Iterator[None]:
    pairs = zip(layers, seen, strict=True)
    hooks = [la.register_forward_hook(_noter(into), with_kwargs=True) for la, into in pairs]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _noter(into: list[LayerSample]) -> Callable[..., None]:
    def note(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        call = read_call(layer, args, kwargs)
        x, y = (value.flatten(0, -2).float() for value in (call.hidden, first(out)))
        largest = float(torch.stack([value.abs().max() for value in (x, y, y - x)]).max())
        into.append(LayerSample(x[:_ROWS].clone(), y[:_ROWS].clone(), largest, call.how.givens))

    return note


def _joined(index: int, found: list[LayerSample]) -> LayerSample:
    if not found:
        raise BindError(f"layer {index} did not run on the calibration batch")
    largest = max(one.largest for one in found)
    if not math.isfinite(largest):
        raise BindError(f"layer {index} gave what is not finite on the calibration batch")
    inputs, outputs = (
        torch.cat([getattr(one, name) for one in found])[:_ROWS] for name in ("inputs", "outputs")
    )
    return LayerSample(inputs, outputs, largest, found[-1].givens)


def lattice_for(largest: float, margin: float) -> str:
    """Return the 32 bit lattice that holds `margin` times `largest` with the finest fraction.

    At least eight bits stand before the point: activations grow as a model is trained.

    Raises:
        BindError: no lattice of 32 bits is wide enough.
    """
    whole = max(8, math.floor(math.log2(max(margin * largest, 1))) + 2)  # one is the sign's
    if whole > 31:
        raise BindError(f"activations up to {largest:.4g}, times {margin:g}, fit no 32 bit lattice")
    return f"lattice(Q{whole}.{32 - whole})"


def grid_for(sample: LayerSample, fraction: float) -> Grid:
    """Return a grid of `fraction` of the input's spread: median(|x|) / 0.6745.

    The spread of a normal variable is its standard deviation; a few giant channels do not move it.
    """
    spread = float(sample.inputs.abs().median()) / NORMAL
    return Grid(max(fraction * spread, 2.0**-15))


def predictor_for(sample: LayerSample, grid: Grid) -> Predictor:
    """Return what tells the input's place on the grid from the output, channel by channel.

    A line through the pairs of each channel, fitted by least absolute deviations (by reweighted
    least squares), and the logistic scale among some that codes what is left over in fewest bits.
    """
    step = float(grid.step)
    x, y = sample.inputs / step, sample.outputs / step
    slope, offset = _line(y, x)
    scale = _scale(x - (slope * y + offset))
    free = (scale - 0.5).clamp_min(1e-3)
    return Predictor(slope / step, offset, free + torch.log(-torch.expm1(-free)))


def _line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return slopes and offsets of y by x, both [n, d], an entry a column."""
    weight = torch.ones_like(x)
    for _ in range(4):
        total = weight.sum(0)
        mean_x, mean_y = (weight * x).sum(0) / total, (weight * y).sum(0) / total
        off = x - mean_x
        slope = (weight * off * (y - mean_y)).sum(0) / (weight * off * off).sum(0).clamp_min(1e-9)
        rest = (y - mean_y - slope * off).abs()
        weight = 1 / rest.clamp_min(rest.median(0).values.clamp_min(0.1))
    return slope, mean_y - slope * mean_x


def _scale(rest: Tensor) -> Tensor:
    """Return the scale of a logistic, at least 1/2, that codes the rest of a column best."""
    base = rest.abs().median(0).values / math.log(3)
    candidates = [(base * factor).clamp_min(0.5) for factor in (0.6, 0.75, 0.9, 1.1, 1.35, 1.7)]
    costs = torch.stack([_bits(rest, scale) for scale in candidates])
    chosen = costs.argmin(0, keepdim=True)
    return torch.stack(candidates).gather(0, chosen)[0]


def _bits(rest: Tensor, scale: Tensor) -> Tensor:
    """Return the mean code length of a column, at most 24 bits an element, by a logistic."""
    mass = torch.sigmoid((rest + 0.5) / scale) - torch.sigmoid((rest - 0.5) / scale)
    return -torch.log2(mass.clamp_min(2.0**-24)).mean(0)


def expected_bits(sample: LayerSample, grid: Grid, predictor: Predictor) -> float:
    """Return the bits an element that the copies of a sample take, as `predictor` codes them."""
    copies = (sample.inputs / grid.step).round()
    location, scale = predictor(sample.outputs).chunk(2, -1)
    width = 0.5 + torch.nn.functional.softplus(scale)
    return float(_bits(copies - location, width[0]).mean())
