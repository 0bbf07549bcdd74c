"""Sums of cotangents, as the VJP graphs keep them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from revc.runtime.nets.tensor_ops import reduce_like

__all__ = ["Like", "add", "add_product", "at_piece", "like", "reduce_like", "zeros", "zeros_for"]


class Like(NamedTuple):
    """What is known of a tensor besides its numbers, where they are not needed: it holds none."""

    form: Tensor
    device: torch.device

    @property
    def shape(self) -> torch.Size:
        """The tensor's shape."""
        return self.form.shape

    @property
    def dtype(self) -> torch.dtype:
        """The tensor's dtype."""
        return self.form.dtype


def like(value: Tensor) -> Like:
    """Return shape, strides, dtype and device of a tensor."""
    return Like(torch.empty_like(value, device="meta"), value.device)


def add(total: Any, part: Any) -> Any:
    """Return the sum of two cotangents: tensors, None for zero, or tuples of such.

    In eager mode a tensor's sum is made in the buffer of `total`, which belongs to the graph.
    """
    if total is None or part is None:
        return part if total is None else total
    if isinstance(total, tuple):
        return tuple(add(a, b) for a, b in zip(total, part, strict=True))
    return total + part if torch.compiler.is_compiling() else total.add_(part)


def add_product(total: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return ``total + left @ right``, in the buffer of `total` in eager mode.

    The product may be of a narrower dtype, which autocast gives it: then it is rounded to that.
    """
    if torch.compiler.is_compiling():
        return total + left @ right
    if total.dtype == left.dtype:
        return torch.addmm(total, left, right, out=total)  # counted as a product, as addmm_ is not
    return total.add_(left @ right)


def zeros_for(value: Tensor | Like) -> Tensor:
    """Return a cotangent of zero for a value: its shape, in float32 or float64."""
    dtype = torch.float64 if value.dtype == torch.float64 else torch.float32
    form = value.form if isinstance(value, Like) else value
    return torch.zeros_like(form, dtype=dtype, device=value.device)


def zeros(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a cotangent of zero of a shape, in float32, or float64 if the nets compute in that."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return torch.zeros(tuple(shape), dtype=wide, device=device)


def at_piece(part: Tensor, whole: Tensor, at: Sequence[tuple[int, int, int]]) -> Tensor:
    """Return a cotangent of the whole that is `part` on one piece of it.

    `at` says where that lies: axis, index and count of one cut after the other.
    """
    if not at:
        return part.to(whole.dtype)
    (axis, index, count), *within = at
    cut = torch.tensor_split(whole, count, axis)
    pieces = [torch.zeros_like(piece) for piece in cut]
    pieces[index] = at_piece(part, cut[index], within)
    return torch.cat(pieces, axis)
