"""Inputs of an audit: from a file, or made by a fixed seed to suit the spec."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor

from revc.errors import BindError
from revc.ir.dims import Dim
from revc.ir.program import Program, Register
from revc.ir.types import Label, Lattice

OTHER = 8
"""What a free size is, if nothing says."""


def made(program: Program, batch: int, sizes: Mapping[str, int]) -> dict[str, Tensor]:
    """Return random inputs of a model: small reals, small integers for Qn.0, labels.

    They stay within the range of their lattices, a narrow one included.
    """
    generator = torch.Generator().manual_seed(0)
    registers = [*program.model.takes, *program.model.givens]
    first = {name for r in registers if r.type.shape for name in r.type.shape[0].names}
    known = dict.fromkeys(program.free, OTHER) | dict.fromkeys(first, batch) | dict(sizes)
    return {r.name: _value(r, known, generator) for r in registers}


def _value(register: Register, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
    shape = [_size(dim, sizes) for dim in register.type.shape]
    kind = register.type.numerics
    if isinstance(kind, Label):
        return torch.randint(0, _size(kind.size, sizes), shape, generator=generator)
    if not isinstance(kind, Lattice):
        return torch.randn(shape, generator=generator) * 0.5
    most = 2 ** (kind.width - 1 - kind.fraction_bits)
    if kind.fraction_bits == 0:
        return torch.randint(0, min(17, most), shape, generator=generator).float()
    values = torch.randn(shape, generator=generator) * 0.5
    return values.clamp(-most / 2, most / 2)


def _size(dim: Dim, sizes: Mapping[str, int]) -> int:
    value = dim.substitute({name: Dim.of(size) for name, size in sizes.items()}).integer
    if value is None:
        raise BindError(f"no size for {dim}: give its names by -D")
    return value


def loaded(path: str) -> dict[str, Tensor]:
    """Return the tensors of a ``.pt``, ``.npz`` or ``.safetensors`` file by name.

    Raises:
        BindError: there is no such file, or it holds something else.
    """
    found = _read(Path(path))
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise BindError(f"{path} does not hold tensors by name")
    return dict(found)


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".npz":
            import numpy as np

            with np.load(path) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        if path.suffix == ".safetensors":
            return _safetensors(path)
        return torch.load(path, weights_only=True)
    except (OSError, RuntimeError, ValueError, ImportError, EOFError, *_DAMAGED) as error:
        raise BindError(f"cannot read {path}: {error}") from error


_DAMAGED = (UnpicklingError, BadZipFile)


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from error
