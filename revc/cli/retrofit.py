"""`revc retrofit`: a pretrained model's folder to one of a reversible model."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from revc.cli.folders import FILES, TOKENS, arguments, tokens

WINDOWS = 8
"""How many windows of a text are read for calibration."""


class FormName(StrEnum):
    """The forms by name."""

    momentum = "momentum"
    coarse = "coarse"


def run(
    model: Annotated[
        Path, typer.Argument(help="The folder of a pretrained model, as transformers saves it.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write the reversible model here.")
    ],
    calibration: Annotated[
        Path,
        typer.Option(
            help="Data like those to train on: a text, or the model's inputs by name (.pt, .npz, "
            ".safetensors)."
        ),
    ],
    form: Annotated[FormName, typer.Option(help="What is made of the layers.")] = FormName.momentum,
    momentum: Annotated[
        str, typer.Option(help="Of the momentum form, as 1/32: log2(32) bits an element and layer.")
    ] = "1/32",
    grid: Annotated[
        str, typer.Option(help="Of the coarse form, as a fraction of the spread of what is read.")
    ] = "1/8",
    margin: Annotated[
        float, typer.Option(help="How many times the largest activation the lattice holds.")
    ] = 2.0,
) -> None:
    """Make a pretrained model exactly reversible; `revc.retrofitting.folder.load` reads it."""
    velocity, step = _number("--momentum", momentum), _number("--grid", grid)
    if output.resolve() == model.resolve():
        raise typer.BadParameter(f"-o {output} is the folder of the model itself")
    import revc
    from revc.retrofitting import folder

    found = folder.pretrained(model)
    batch = _batch(model, calibration)
    revc.retrofit(found, form.value, calibration=batch, margin=margin, momentum=velocity, grid=step)
    folder.save(found, output)
    if (model / "tokenizer_config.json").exists():
        folder.tokenizer(model).save_pretrained(str(output))
    lattice = found.stack.numerics.lattice
    typer.echo(f"wrote {output}: {len(found.stack.layers)} layers, {form.value}, {lattice}")


def _number(option: str, text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"{option} {text}: want a number, as 1/32 or 0.125") from None


def _batch(model: Path, path: Path) -> Any:
    """Return the calibration data: inputs by name, or windows of a text."""
    if path.suffix in FILES:
        return arguments(path)
    ids = tokens(model, path)[: TOKENS * WINDOWS]
    return [{"input_ids": part[None]} for part in ids.split(TOKENS)]
