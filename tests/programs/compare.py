"""Comparisons of tensors, gradients and runs."""

from typing import Any

import torch
from torch import Tensor

from tests.programs.case import Case, leaf_names, lengths


def same(one: Tensor, other: Tensor, what: str) -> None:
    """Check that two tensors agree in every bit."""
    assert one.shape == other.shape, f"{what}: {one.shape}, not {other.shape}"
    assert one.dtype == other.dtype, f"{what}: {one.dtype}, not {other.dtype}"
    off = (one != other) & ~(one.isnan() & other.isnan())
    assert not bool(off.any()), (
        f"{what} differs by {float((one.double() - other.double()).abs().max()):g}"
    )


def close(
    one: Tensor, other: Tensor, tolerance: float, what: str, size: float | Tensor = 1.0
) -> None:
    """Check that two tensors agree, up to a share of each element and of `size`."""
    torch.testing.assert_close(
        one.double(), other.double(), atol=tolerance * float(size), rtol=tolerance,
        msg=lambda text: f"{what}: {text}",
    )  # fmt: skip


def close_gradient(one: Tensor, other: Tensor, tolerance: float, what: str) -> None:
    """Check that two gradients agree: rounding of any element is as large as the largest allows."""
    largest = other.detach().abs().max().clamp(min=1) if other.numel() else 1.0
    close(one, other, tolerance, what, largest)


def agree(
    case: Case, one: Any, other: Any, mine: list[Tensor], theirs: list[Tensor], tolerance: float
) -> None:
    """Check that two runs of one program have the same results, lengths and gradients."""
    assert one._fields == other._fields
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in one._fields]
    rows, others = lengths(one), lengths(other)
    assert set(rows) == set(others)
    pairs += [(f"code length {row}", rows[row], others[row]) for row in rows]
    names = leaf_names(case, case.inputs())
    pairs += [(f"gradient of {n}", a, b) for n, a, b in zip(names, mine, theirs, strict=True)]
    for what, left, right in pairs:
        if tolerance:
            close(left, right, tolerance, what)
        else:
            same(left, right, what)
