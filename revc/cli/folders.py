"""Pretrained models in folders, for commands: what they are run on, and one to audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revc.errors import BindError

if TYPE_CHECKING:
    from torch import Tensor

    from revc.audit.subject import Subject

TOKENS = 512
"""The tokens of a window of a text."""

FILES = (".pt", ".npz", ".safetensors")
"""Endings of files with a model's arguments by name; any other is a text."""


def arguments(path: Path) -> dict[str, Any]:
    """Return a model's arguments by name, as a file has them."""
    from revc.audit.data import loaded

    return loaded(str(path))


def tokens(folder: Path, path: Path) -> Tensor:
    """Return a text as token numbers, int64 [n], by the tokenizer of a model's folder.

    Raises:
        BindError: there is no text, or no tokenizer.
    """
    from revc.retrofitting import folder as folders

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BindError(f"cannot read {path}: {error}") from error
    ids: Tensor = folders.tokenizer(folder)(text, return_tensors="pt").input_ids[0]
    if len(ids) == 0:
        raise BindError(f"{path} holds no text")
    return ids


def retrofitted(path: Path) -> bool:
    """Say whether a path is a folder that `revc retrofit` wrote."""
    return path.is_dir() and (path / "retrofit.json").exists()


def subject(
    folder: Path, data: str | None, sizes: Mapping[str, int], batch: int, steps: int, ulps: float
) -> Subject:
    """Return the reversible program of a retrofitted model, and what to audit it on.

    Args:
        folder: what `revc retrofit` wrote.
        data: a text, or the model's arguments by name.
        sizes: T is how many tokens of a text an example has: 512, as calibration reads it, since
            the first tokens of a text take more bits than the others.
        batch: how many examples of a text there are.
        steps: optimiser steps, as of every audit.
        ulps: drift, as of every audit.

    Raises:
        BindError: there are no data, or they do not do.
    """
    from revc.audit.subject import Subject
    from revc.retrofitting import folder as folders

    if data is None:
        raise BindError(f"{folder} is audited on data of its own sort: say --data text.txt")
    path = Path(data)
    if path.suffix in FILES:
        given = arguments(path)
    else:
        time = sizes.get("T", TOKENS)
        ids = tokens(folder, path)[: batch * time]
        if len(ids) < batch * time:
            wanted = f"--batch {batch} of -D T={time}"
            raise BindError(f"{path} has {len(ids)} tokens, too few for {wanted}")
        given = {"input_ids": ids.view(batch, time)}
    program, inputs = folders.load(folder).program(**given)
    return Subject(program, inputs, steps, ulps)
