"""Softsign on a lattice in integers, with what it forgets as a remainder.

Raw X with n fraction bits becomes Y, the integer nearest to ``2**n X / (2**n + |X|)``, halves away
from zero: the lattice point nearest to ``x / (1 + |x|)``. Y is monotone in X and odd, so the inputs
with the same Y are a run of integers. A run's length, and where X stands in it, make the map a
bijection; about ``2 log2(1 + |x|)`` bits an element go into the remainder.

Everything is int64, elementwise and exact, for widths of 16 and 32 bits: 64 would need products of
128. (The float form, and its VJP, are in `kernels`.)
"""

import torch
from torch import Tensor

from revc.errors import RevcError
from revc.runtime.state.lattice import INTEGERS


class SoftsignError(RevcError):
    """A lattice on which softsign has no exact integer form: above 32 bits, or all fraction."""


def softsign_forward(raw: Tensor, fraction_bits: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return Y, the remainder and the count for X, all of one shape.

    Args:
        raw: X, int16 or int32.
        fraction_bits: n, from 0 to one less than the width.

    Returns:
        Y of the dtype of `raw`; the index of X among the inputs that have the same Y, int64 in
        [0, count); and how many those are, int64, at least 1.
    """
    width = torch.iinfo(raw.dtype).bits
    _check(fraction_bits, width)
    x = raw.long()
    below = x.abs() + (1 << fraction_bits)
    whole, rest = _divide(x.abs() << fraction_bits, below)
    y = x.sign() * (whole + (2 * rest >= below))
    lowest, count = _run(y, fraction_bits, width)
    return y.to(raw.dtype), x - lowest, count


def softsign_inverse(y: Tensor, remainder: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return X of `width` bits for Y, an integer tensor, and a remainder in [0, count)."""
    _check(fraction_bits, width)
    lowest, _ = _run(y.long(), fraction_bits, width)
    return (lowest + remainder).to(INTEGERS[width])


def softsign_count(y: Tensor, fraction_bits: int) -> tuple[Tensor, Tensor]:
    """Return the lowest X with this Y, and how many there are, both int64.

    The width is that of `y`, int16 or int32. Where `softsign_in_range` is false the count is 0 or
    less, and the lowest X means nothing.
    """
    width = torch.iinfo(y.dtype).bits
    _check(fraction_bits, width)
    return _run(y.long(), fraction_bits, width)


def softsign_in_range(y: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return, bool, whether some X of `width` bits has this Y, an integer tensor."""
    _check(fraction_bits, width)
    return _run(y.long(), fraction_bits, width)[1] > 0


def _run(y: Tensor, fraction_bits: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the lowest X for each `y`, int64, and how many follow each other from there."""
    inner, outer = _edge(y.abs(), fraction_bits, width), _edge(y.abs() + 1, fraction_bits, width)
    lowest = torch.where(y > 0, inner, 1 - outer)
    highest = torch.where(y < 0, -inner, outer - 1).clamp(max=(1 << (width - 1)) - 1)
    return lowest, highest - lowest + 1


def _edge(y: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return the least ``|X|`` whose Y is `y` >= 0 or more, one above all magnitudes if none is.

    For y > 0 that is the least integer t with ``2**n t / (2**n + t) >= y - 1/2``.
    """
    most = 1 << fraction_bits
    odd = 2 * y.clamp(1, most) - 1
    quotient, rest = _divide(odd << fraction_bits, 2 * most - odd)
    least = (quotient + (rest > 0)).clamp(max=(1 << (width - 1)) + 1)
    return torch.where(y > most, (1 << (width - 1)) + 1, least) * (y > 0)


def _divide(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    quotient = a // b
    return quotient, a - quotient * b


def _check(fraction_bits: int, width: int) -> None:
    if width > 32 or not 0 <= fraction_bits < width:
        raise SoftsignError(
            f"softsign has no exact form on {width} bits with {fraction_bits} fraction bits"
        )
