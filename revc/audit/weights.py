"""Lipschitz bounds of built-in nets, of the parameters that a file holds.

The spectral norm is the bound of a linear map; a composition has the product. Source: Miyato et
al., Spectral Normalization (2018), section 2.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from revc.errors import BindError
from revc.ir.nets import Builtin
from revc.runtime.nets.capture.held import first_line

SLACK = 1 + 1e-6
"""What the rounding of a singular value may be off by, many times over."""
_SLOPES = {"gelu": 1.13, "silu": 1.1}


class Weights:
    """The parameters of a state dict, by name: those of a net are found by the end of its path."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = dict(state)

    def __call__(self, name: str, source: Builtin) -> float:
        """Return a bound for every instance of the net `name` of a body, infinity if none is known.

        Instances of one body differ in what leads to them: of all that end alike the greatest
        counts.
        """
        if source.tied is not None:
            return math.inf
        if source.name in ("linear", "gate"):
            return self._norm(name, "weight")
        if source.name == "mlp" and source.settings.get("act") in _SLOPES:
            slope = _SLOPES[str(source.settings["act"])]
            return self._norm(name, "weight_in") * slope * self._norm(name, "weight_out")
        return math.inf

    def _norm(self, name: str, parameter: str) -> float:
        """Return the greatest spectral norm of a parameter, infinity where there is none."""
        end = f".{name}.{parameter}"
        found = [value for key, value in self._state.items() if f".{key}".endswith(end)]
        if not found or any(value.ndim != 2 or not value.isfinite().all() for value in found):
            return math.inf
        return SLACK * max(torch.linalg.matrix_norm(v.double(), 2).item() for v in found)


def read_weights(path: Path) -> Weights:
    """Return the parameters of a file: safetensors, or a state dict of `torch.save`.

    Raises:
        BindError: it cannot be read, or holds something else.
    """
    state = _safetensors(path) if path.suffix == ".safetensors" else _saved(path)
    if not isinstance(state, Mapping) or not all(map(_is_named, state.items())):
        raise BindError(f"--weights {path}: it holds no state dict")
    return Weights(state)


def _is_named(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)


def _safetensors(path: Path) -> object:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise BindError(f"--weights {path}: safetensors is not installed") from error
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BindError(f"--weights {path}: {first_line(error)}") from error


def _saved(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise BindError(f"--weights {path}: it holds more than tensors, or no archive") from error
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise BindError(f"--weights {path}: {first_line(error)}") from error
