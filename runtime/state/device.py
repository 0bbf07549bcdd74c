"""Whether the kernels of ``state.kernels`` stand in for operators."""

from functools import cache
from types import ModuleType

import torch
from torch import Tensor


def kernels_for(*tensors: Tensor) -> ModuleType | None:
    """Return the kernels where they run: on contiguous CUDA tensors with data, outside compilers.

    A compiler fuses the operators itself; without Triton they run one by one.
    """
    if torch.compiler.is_compiling() or not tensors[0].is_cuda:
        return None
    if not all(_plain(tensor) for tensor in tensors):
        return None
    return _loaded()


def _plain(tensor: Tensor) -> bool:
    known = type(tensor) in (Tensor, torch.nn.Parameter)
    return known and tensor.is_contiguous() and tensor.numel() > 0


@cache
def _loaded() -> ModuleType | None:
    """Return the kernels, None if there is no Triton; it is imported where there is a device."""
    try:
        from revc.runtime.state import kernels
    except ImportError:
        return None
    return kernels
