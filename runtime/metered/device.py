"""Whether kernels stand in for operators: those of ``metered.kernels``, and ``metered.parts``."""

from functools import cache
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

from revc.runtime.metered.coding import Coding

FLOATS = (torch.float32, torch.bfloat16, torch.float16)
KNOWN = (Tensor, torch.nn.Parameter)
MOST = 1 << 31
"""Values whose places a kernel counts in 32 bits."""


def length_kernels(
    coding: Coding, raw: Tensor, params: Tensor | None, dtype: torch.dtype
) -> ModuleType | None:
    """Return the kernels of code lengths where they are for these values, outside compilers.

    That is: logistics on a lattice, a step a power of two of its units, parameters of each value,
    lengths in float32 that autograd does not follow, and all of it on CUDA.
    """
    if params is None or type(params) not in KNOWN or not _runs(raw):
        return None
    logistic = coding.family == "logistic" and coding.kind == "lattice"
    whole = logistic and coding.unit & (coding.unit - 1) == 0
    followed = torch.is_grad_enabled() and params.requires_grad
    return _loaded("kernels") if whole and not followed and _fit(raw, params, dtype) else None


def part_kernels(coding: Coding, value: Tensor) -> ModuleType | None:
    """Return the kernels that split and join lattice values where they are for these."""
    if coding.kind != "lattice" or coding.unit & (coding.unit - 1) or not _runs(value):
        return None
    return _loaded("parts")


def _runs(value: Tensor) -> bool:
    """Say whether kernels can read a tensor: on CUDA, with data, outside compilers."""
    if torch.compiler.is_compiling() or type(value) not in KNOWN or not value.is_cuda:
        return False
    return value.dim() > 0 and 0 < value.numel() < MOST


def _fit(raw: Tensor, params: Tensor, dtype: torch.dtype) -> bool:
    each = params.shape == (*raw.shape[:-1], 2 * raw.shape[-1]) and params.is_contiguous()
    return each and raw.dim() > 1 and dtype == torch.float32 and params.dtype in FLOATS


@cache
def _loaded(name: str) -> ModuleType | None:
    """Return a module of kernels, None without Triton, which is imported where a device is."""
    try:
        return import_module(f"revc.runtime.metered.{name}")
    except ImportError:
        return None
