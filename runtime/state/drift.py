"""How far float state strays on the way back: a sketch of each register, there and back.

A sketch is a sum of all elements with weights that look random, beside the register's norm. If
every element is off by about ``d`` times its size, the sum is off by about ``d`` times the norm
(random projections; Johnson and Lindenstrauss, 1984), whatever the register's size. Rounding gives
1e-7 to 1e-5; a mask drawn anew or a changed parameter gives far more than the tolerance. Weights
are real numbers, as signs cancel where many elements are off by the same.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

TOLERANCE = 1e-3
"""What a rebuilt register may be off by, as a fraction of the largest norm that a register had in
the run, unless a model says else."""

_PHASE = 0.5772156649015329  # what the patterns of tests/run/test_drift.py leave large sums by
_COLUMNS = 1024
_BLOCK = 1 << 10  # rows that are looked at together where they must be converted


def sketch(registers: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum and the norm of each register, float64, one after the other."""
    if not registers:
        return torch.zeros(0, dtype=torch.float64, device="cpu")
    return torch.cat([_one(register) for register in registers])


@torch.library.custom_op("revc::sketch", mutates_args=())
def _sketched(registers: Sequence[Tensor]) -> Tensor:
    return sketch(registers)


@_sketched.register_fake
def _(registers: Sequence[Tensor]) -> Tensor:
    return registers[0].new_empty(2 * len(registers), dtype=torch.float64)


def row(device: torch.device, *registers: Tensor) -> Tensor:
    """Return the sketch of registers on a device, by an operator that compilers leave alone."""
    if not registers:
        return torch.zeros(0, dtype=torch.float64, device=device)
    return _sketched(list(registers))


def drifted(
    now: Sequence[Tensor], then: Sequence[Tensor], final: Sequence[Tensor], tolerance: float
) -> list[Tensor]:
    """Return how many registers of each segment have strayed too far, [1] each.

    Args:
        now, then: the sketches in front of the segments, on the way back and forth.
        final: the registers at the end, whose norms count too.
        tolerance: as a fraction of the largest norm; if it is infinite nothing is compared.
    """
    if tolerance == float("inf") or not then:
        return []
    slack = tolerance * largest(*then, row(then[0].device, *final))
    return [strayed(one, other, slack) for one, other in zip(now, then, strict=True)]


def strayed(now: Tensor, then: Tensor, tolerance: Tensor) -> Tensor:
    """Return how many registers' weighted sums differ by more than a tolerance, [1]; NaN does."""
    near = (now.view(-1, 2)[:, 0] - then.view(-1, 2)[:, 0]).abs() <= tolerance
    return (~near).sum().reshape(1)


def largest(*sketches: Tensor) -> Tensor:
    """Return the largest norm in sketches, rows of which may be padded with zeros."""
    norms = [row.reshape(-1, 2)[:, 1] for row in sketches]
    return torch.cat([*norms, norms[0].new_zeros(1)]).amax()


def finite(value: Tensor) -> Tensor:
    """Return a value with zeros where it is no number: only state has to be finite."""
    return value.nan_to_num(0.0, 0.0, 0.0) if value.is_floating_point() else value


def _one(register: Tensor) -> Tensor:
    flat = register.detach().reshape(-1)
    rows = flat.numel() // _COLUMNS
    weights = _weights(max(min(flat.numel(), _COLUMNS), rows), flat.device)
    total = flat.new_zeros((), dtype=torch.float64)
    square = total.clone()
    body = flat[: rows * _COLUMNS].view(rows, _COLUMNS)
    for start in range(0, rows, _BLOCK):
        block = body[start : start + _BLOCK]
        block = block if block.is_floating_point() else block.double()
        here = weights[start : start + len(block)]
        total += torch.mv(block, weights[:_COLUMNS].to(block.dtype)).double() @ here
        square += torch.linalg.vector_norm(block).double() ** 2
    rest = flat[rows * _COLUMNS :].double()
    total += rest @ weights[: rest.numel()]
    square += rest @ rest
    return torch.stack([total, square.sqrt()])


def _weights(count: int, device: torch.device) -> Tensor:
    """Return so many numbers of mean square 1, float64, the same ones always.

    Sums of ``sin(a k^2)`` grow like those of random numbers (Weyl, 1916).
    """
    k = torch.arange(1, count + 1, dtype=torch.float64, device=device)
    return k.square_().mul_(_PHASE).sin_().mul_(2**0.5)
