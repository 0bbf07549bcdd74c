"""Invertible matrices on integers: lifting steps whose sums are exact.

A lifting step adds to each coordinate a rounded combination of others, so the same combination,
subtracted, undoes it. That holds bit for bit only if both directions find the same sums. Here they
are sums of integers that the arithmetic holds without rounding, so neither the order of summation,
nor the kernel, nor the device can change a bit.

State is cut into balanced digits of 16 bits, at most 2**15 in magnitude. A row of a `Triangle` sums
to at most 2**38, so each partial sum of a float64 product is an integer of at most 2**53. Sums of
the digits are kept side by side, as *lanes*: one for 16 and 32 bits, where what wraps around modulo
2**64 lies above the bits that are wanted, and four, 16 bits apart, for 64 bits.

Values between the steps wrap around as the state does. What wraps there is still undone bit for
bit, but is no longer near the matrix product: leave head room, a factor of about n**(1/2).

Sources: Sweldens, "The lifting scheme" (1996); Calderbank, Daubechies, Sweldens, Yeo, "Wavelet
transforms that map integers to integers" (1998), section 4, for rounding inside lifting steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from revc.errors import InternalError
from revc.runtime.state.factoring import PAIR_BITS, Lifts, Pairs, Triangle
from revc.runtime.state.lattice import INTEGERS

DIGIT = 16
BLOCK = 16
"""Rows that are solved one by one between products with all the rows before them."""
CHUNK = 1 << 18
"""Elements that a CPU mixes at a time, which keeps them in its cache; others take 32 times more."""


def apply_lifts(raw: Tensor, lifts: Lifts, undo: bool = False) -> Tensor:
    """Multiply the last axis of `raw` by the matrix of `lifts`, or undo that bit for bit.

    Args:
        raw: int16, int32 or int64 [.., n], any layout.
        lifts: what `factoring.factor` made of the matrix.
        undo: whether to go back.

    Returns:
        A new contiguous tensor of the same shape and dtype. For random rotations it is off the
        exact product by the rounding of the steps (root mean square: 0.5 units at n = 2, 2.5 at
        256, 4.4 at 1024), and by that of the entries, some 2**-28 of the values.
    """
    lifts = lifts.to(raw.device)
    step = _unmix if undo else _mix
    return _by_columns(raw, lambda x: step(x, lifts))


def triangular_lift(raw: Tensor, triangle: Triangle, undo: bool = False) -> Tensor:
    """Multiply the last axis of `raw` by a unit triangular matrix, or undo that bit for bit.

    Coordinate i gains ``floor(sum_j entries[i, j] raw[j] * 2**-bits + 1/2)`` with wrap-around, all
    from the values before the step.

    Args:
        raw: int16, int32 or int64 [.., n], any layout.
        triangle: what `factoring.triangle` made of the matrix.
        undo: whether to go back, by substitution.

    Returns:
        A new contiguous tensor of the same shape and dtype.
    """
    triangle = triangle.to(raw.device)
    return _by_columns(raw, lambda x: _lift(x, triangle, undo))


def apply_matrix(x: Tensor, matrix: Tensor, undo: bool = False) -> Tensor:
    """Multiply the last axis of a float `x` by `matrix`, float64 [n, n], or by its inverse."""
    factor = torch.linalg.inv(matrix) if undo else matrix
    return x @ factor.to(x.dtype).mT


def _by_columns(raw: Tensor, step: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `step`, a map of integers [n, m], to chunks of the vectors of `raw`."""
    if raw.dtype not in INTEGERS.values():
        raise InternalError(f"there are no exact sums of {raw.dtype}")
    vectors = raw.reshape(-1, raw.shape[-1])
    out = torch.empty_like(vectors, memory_format=torch.contiguous_format)
    chunk = CHUNK if raw.device.type == "cpu" else 32 * CHUNK
    length = max(1, chunk // raw.shape[-1])
    for before, after in zip(vectors.split(length), out.split(length), strict=True):
        after.copy_(step(before.t().contiguous()).t())
    return out.view(raw.shape)


def _mix(x: Tensor, lifts: Lifts) -> Tensor:
    x = _lift(x[lifts.columns], lifts.upper, undo=False)
    for pairs in lifts.pairs:
        x = _stretch(x, pairs)
    x = _lift(x * lifts.signs.to(x.dtype)[:, None], lifts.lower, undo=False)
    return x[lifts.rows.argsort()]


def _unmix(x: Tensor, lifts: Lifts) -> Tensor:
    x = _lift(x[lifts.rows], lifts.lower, undo=True) * lifts.signs.to(x.dtype)[:, None]
    for pairs in reversed(lifts.pairs):
        x = _shrink(x, pairs)
    return _lift(x, lifts.upper, undo=True)[lifts.columns.argsort()]


def _stretch(x: Tensor, pairs: Pairs) -> Tensor:
    """Return (u, v) as (u e, v / e): a quarter turn, and three lifting steps."""
    u, v = x[pairs.first], x[pairs.second]
    p = _times(u, pairs.ratio) - v
    q = u - _times(p, pairs.inverse)
    x[pairs.first], x[pairs.second] = p + _times(q, pairs.ratio), q
    return x


def _shrink(x: Tensor, pairs: Pairs) -> Tensor:
    """Undo `_stretch`."""
    p, q = x[pairs.first], x[pairs.second]
    p = p - _times(q, pairs.ratio)
    u = q + _times(p, pairs.inverse)
    x[pairs.first], x[pairs.second] = u, _times(u, pairs.ratio) - p
    return x


def _times(x: Tensor, factor: Tensor) -> Tensor:
    """Return the integers [h, m] times a fixed-point factor each row, int64 [h]."""
    return _rounded(_lanes(x) * factor[:, None, None], PAIR_BITS, x.dtype)


def _lift(x: Tensor, triangle: Triangle, undo: bool) -> Tensor:
    if triangle.upper:  # the mirror image of a lower one
        lower = Triangle(triangle.entries.flip(0, 1), triangle.bits)
        return _lift(x.flip(0), lower, undo).flip(0)
    if undo:
        return _solve(x, triangle)
    sums = _exact_product(triangle.entries.double(), _digits(x).double(), x.dtype)
    return x + _rounded(sums, triangle.bits, x.dtype)


def _solve(y: Tensor, triangle: Triangle) -> Tensor:
    """Return the x that a lower `triangle` lifts to `y`, integers [n, m]."""
    x, floats = torch.empty_like(y), triangle.entries.double()
    digits = floats.new_empty(y.shape[0], y.element_size() // 2, y.shape[1])
    for start in range(0, y.shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        sums = _exact_product(floats[rows, :start], digits[:start], y.dtype)
        x[rows] = _solve_block(y[rows], triangle.entries[rows, rows], triangle.bits, sums)
        digits[rows] = _digits(x[rows])
    return x


def _solve_block(y: Tensor, entries: Tensor, bits: int, sums: Tensor) -> Tensor:
    """Return the x of a few rows; `sums`, overwritten, has what earlier rows give to them."""
    x = torch.empty_like(y)
    for i in range(y.shape[0]):
        row = slice(i, i + 1)
        x[row] = y[row] - _rounded(sums[row], bits, y.dtype)
        sums[i + 1 :].addcmul_(entries[i + 1 :, row, None], _lanes(x[row]))
    return x


def _exact_product(entries: Tensor, digits: Tensor, dtype: torch.dtype) -> Tensor:
    """Return lanes int64 [r, K, m] of entries [r, c] times digits [c, W, m], both float64."""
    flat = entries @ digits.flatten(1)
    sums = flat.view(entries.shape[0], *digits.shape[1:]).long()
    if dtype == torch.int32:
        return sums[:, :1] + (sums[:, 1:] << DIGIT)
    return sums


def _lanes(x: Tensor) -> Tensor:
    """Return integers [r, m] as int64 [r, K, m]: whole, or in digits where that would wrap."""
    return _digits(x) if x.dtype == torch.int64 else x.long()[:, None]


def _digits(x: Tensor) -> Tensor:
    """Return integers [r, m] as int64 [r, W, m], x = sum_k d_k 2**(16 k), each d_k within 2**15."""
    rest, digits = x.long(), []
    for _ in range(x.element_size() // 2 - 1):
        low = rest & 0xFFFF
        carry = low >> 15
        digits.append(low - (carry << DIGIT))
        rest = (rest >> DIGIT) + carry
    return torch.stack((*digits, rest), 1)


def _rounded(lanes: Tensor, bits: int, dtype: torch.dtype) -> Tensor:
    """Return ``floor(sum_k lanes[:, k] 2**(16 k - bits) + 1/2)`` modulo the width of `dtype`."""
    total = lanes[:, 0] + (1 << (bits - 1))
    if lanes.shape[1] == 1:
        return (total >> bits).to(dtype)
    low = torch.zeros_like(total)
    for k in range(1, lanes.shape[1]):
        low |= (total & 0xFFFF) << DIGIT * (k - 1)
        total = (total >> DIGIT) + lanes[:, k]
    return (total << DIGIT * (lanes.shape[1] - 1) - bits) | (low >> bits)
