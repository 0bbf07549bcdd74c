"""Retrofitted models on disk: the ordinary model as it was, its spec, and what was calibrated.

A folder that `save` writes is one that `transformers` reads; beside it lie `model.rev` and, for
`load`, `retrofit.json` and, of the coarse form, `retrofit.safetensors`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError, OutputError
from revc.retrofitting.architectures import find
from revc.retrofitting.entry import build
from revc.retrofitting.forms.base import Form
from revc.retrofitting.forms.coarse import Coarse
from revc.retrofitting.forms.momentum import Momentum
from revc.retrofitting.increments import Grid, Predictor
from revc.retrofitting.model import Retrofitted
from revc.retrofitting.stack import Numerics

SPEC, RECORD, NUMBERS = "model.rev", "retrofit.json", "retrofit.safetensors"
_ROWS = ("slope", "offset", "scale")


def save(model: Retrofitted, folder: str | Path) -> None:
    """Write a retrofitted model of `transformers` to a folder: weights, config, spec, calibration.

    Raises:
        OutputError: the folder cannot be written.
    """
    path, form = Path(folder), model.stack.form
    record = {
        "form": form.name,
        **form.numbers(),
        "lattice": model.stack.numerics.lattice,
        "givens": model.stack.numerics.givens,
        "loss_chunk": model.loss_chunk,
    }
    try:
        model.save_pretrained(path)  # type: ignore[operator]
        (path / SPEC).write_text(model.spec, encoding="utf-8")
        (path / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        if isinstance(form, Coarse):
            _write(form, path / NUMBERS)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _write(form: Coarse, path: Path) -> None:
    from safetensors.torch import save_file

    rows = {name: [getattr(one, name) for one in form.predictors] for name in _ROWS}
    rows["step"] = [grid.step for grid in form.grids]
    save_file({name: torch.stack(values).cpu() for name, values in rows.items()}, path)


def load(folder: str | Path, **options: Any) -> Any:
    """Return the model that `save` wrote, retrofitted.

    Args:
        folder: where it lies.
        options: of the class's `from_pretrained`, as ``dtype``.

    Raises:
        BindError: the folder holds no retrofitted model, or `transformers` is not installed.
    """
    path = Path(folder)
    record = _record(path)
    model = pretrained(path, **options)
    try:
        known = (record["lattice"], tuple(record["givens"]), record["loss_chunk"])
        form = _form(record, path)
    except (KeyError, TypeError) as error:
        raise BindError(f"{path / RECORD} lacks {error}") from error
    found = find(model)
    build(model, found, form, Numerics(found.width, *known[:2]), known[2])
    return model


def pretrained(folder: str | Path, **options: Any) -> Any:
    """Return the model of a folder as `transformers` reads it, of the class that was saved.

    Raises:
        BindError: `transformers` is not installed, or the folder holds no model that it knows.
    """
    transformers = _transformers()
    try:
        config = transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True)
        names = config.architectures or ["AutoModel"]
        made = getattr(transformers, names[0], None)
        if made is None:
            raise BindError(f"{folder}: transformers has no class {names[0]}")
        return made.from_pretrained(str(folder), local_files_only=True, **options)
    except (OSError, ValueError) as error:
        raise BindError(f"cannot load a model from {folder}: {error}") from error


def tokenizer(folder: str | Path) -> Any:
    """Return the tokenizer of a folder.

    Raises:
        BindError: `transformers` is not installed, or there is none.
    """
    try:
        return _transformers().AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        raise BindError(f"{folder} has no tokenizer to read a text with: {error}") from error


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise BindError(
            "pretrained models on disk are read by `transformers`: pip install 'revc[hf]'"
        ) from error
    return transformers


def _record(path: Path) -> dict[str, Any]:
    try:
        found = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BindError(f"{path} holds no retrofitted model: {error}") from error
    if not isinstance(found, dict):
        raise BindError(f"{path / RECORD} is no table of names and values")
    return found


def _form(record: dict[str, Any], path: Path) -> Form:
    if record["form"] == Momentum.name:
        return Momentum(record["momentum"])
    if record["form"] != Coarse.name:
        raise BindError(f"{path / RECORD}: there is no form {record['form']!r}")
    numbers = _numbers(path / NUMBERS)
    grids = [Grid(float(step)) for step in numbers["step"].flatten()]
    rows = zip(*(numbers[name] for name in _ROWS), strict=True)
    return Coarse(grids, [Predictor(*row) for row in rows], record["bits"])


def _numbers(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BindError(f"cannot read {path}: {error}") from error
