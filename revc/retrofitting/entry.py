"""`revc.retrofit`: a pretrained model, made exactly reversible where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

from torch import nn

from revc.errors import BindError
from revc.retrofitting.architectures import Found, find
from revc.retrofitting.calibration import (
    LayerSample,
    expected_bits,
    grid_for,
    lattice_for,
    predictor_for,
    sample_layers,
)
from revc.retrofitting.forms.base import Form
from revc.retrofitting.forms.coarse import Coarse
from revc.retrofitting.forms.momentum import Momentum
from revc.retrofitting.model import Retrofitted, install
from revc.retrofitting.stack import Numerics, Stack

FormName = Literal["momentum", "coarse"]
Batch = Mapping[str, Any]
Model = TypeVar("Model", bound=nn.Module)

SLACK = 1.25
"""What a coarse copy may take on the tape, in what it took on the calibration batch."""


def retrofit(
    model: Model,
    form: FormName = "momentum",
    *,
    calibration: Batch | Sequence[Batch],
    momentum: float = 1 / 32,
    grid: float = 1 / 8,
    margin: float = 2.0,
    loss_chunk: int = 64,
) -> Model:
    """Make a pretrained model exactly reversible, without training, and return it.

    Its layers ``x <- x + f(x)`` are bound to a spec (`model.spec`) in one of two forms, which
    change what the model computes a little: see `forms`. Training then stores what the form puts
    on the tape, some bits an element and layer, and rebuilds all else from there, bit for bit.

    The model stays the object that it was: names and values of its weights, ties, `generate`,
    `save_pretrained` (which saves the ordinary model), trainers and adapters. In training with
    labels, a language model gives its loss, computed by chunks of tokens, and no logits.

    Args:
        model: of `transformers` or shaped as theirs are; see `architectures.SUPPORTED`.
        form: "momentum", log2(1/momentum) bits an element and layer, or "coarse", about 4.
        calibration: arguments of the model by name, for one batch or several: data as it is to
            be trained on. The lattice's range comes from it, and all numbers of the coarse form.
        momentum: g of the momentum form, a multiple of 1/1024; the closer to 0, the closer to the
            pretrained model, and the more bits.
        grid: of the coarse form, as a fraction of the spread of each layer's input.
        margin: how many times the largest activation of the calibration the lattice holds.
        loss_chunk: tokens whose logits there are at a time, in training.

    Returns:
        The model, whose class is now also a `Retrofitted`.

    Raises:
        BindError: the architecture is not supported, the model is retrofitted already, an option is
            out of range, or the calibration batch does not do.
    """
    _check(model, form, grid, margin, loss_chunk)
    found = find(model)
    batches = [calibration] if isinstance(calibration, Mapping) else list(calibration)
    samples = sample_layers(model, found.layers, batches)
    made = Momentum(momentum) if form == "momentum" else coarse_form(samples, grid)
    largest = max(sample.largest for sample in samples)
    numerics = Numerics(found.width, lattice_for(largest, margin), samples[0].givens)
    build(model, found, made, numerics, loss_chunk)
    return model


def build(model: nn.Module, found: Found, form: Form, numerics: Numerics, loss_chunk: int) -> None:
    """Put a form in the place of a model's layers."""
    device = next(model.parameters()).device
    calibrated = form.calibrated()
    if calibrated is not None:
        calibrated.to(device)
    stack = Stack(found.architecture.title, found.layers, form, numerics)
    install(model, found, stack, loss_chunk)


def coarse_form(samples: Sequence[LayerSample], grid: float) -> Coarse:
    """Return the coarse form of layers, from what passed them."""
    grids = [grid_for(sample, grid) for sample in samples]
    predictors = [predictor_for(*pair) for pair in zip(samples, grids, strict=True)]
    triples = zip(samples, grids, predictors, strict=True)
    bits = sum(expected_bits(*triple) for triple in triples) / len(samples)
    return Coarse(grids, predictors, SLACK * bits)


def _check(model: nn.Module, form: str, grid: float, margin: float, chunk: int) -> None:
    if isinstance(model, Retrofitted):
        raise BindError(f"{type(model).__name__} is retrofitted already")
    if form not in get_args(FormName):
        raise BindError(f"form = {form!r}: it is one of {', '.join(map(repr, get_args(FormName)))}")
    if not 0 < grid <= 1:
        raise BindError(f"grid = {grid:g}: it is a fraction of the spread, above 0 and at most 1")
    if margin < 1:
        raise BindError(f"margin = {margin:g}: it is at least 1")
    if chunk < 1:
        raise BindError(f"loss_chunk = {chunk}: there must be at least one token")
