"""Matrices of determinant +-1 as integer lifting steps, and permutations from a seed.

``A[rows][:, columns] = L diag(signs) D U``, found by elimination with rook pivoting: L and U are
unit triangular and no entry of theirs exceeds 1; for orthogonal matrices the pivots D stay near 1
as well (0.1 to 13 for random ones at n = 1024). D has determinant 1, so pairs of coordinates can be
stretched and shrunk in turn, each by three lifting steps.

The PLUS factorisation (Hao & Shi, "Matrix factorizations for reversible integer mapping", 2001)
needs no D, but one row beside L and U has to bring every pivot to 1: for random orthogonal matrices
its entries pass 10**7 at n = 64, and at 256 nothing is left of the matrix in float64.

Everything here is elementwise in float64 on the CPU, with no sum whose order could matter: the
same matrix, bit for bit, gives the same steps on every machine.

Sources: Neal & Poole, "A geometric analysis of Gaussian elimination II" (1992), for rook pivoting;
Daubechies & Sweldens, "Factoring wavelet transforms into lifting steps" (1998), section 7.3, for
diagonal matrices as lifting steps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.library import custom_op

from revc.errors import RevcError
from revc.runtime.bits.reference import M32, philox

ROW_BITS = 38
"""A row of a `Triangle` sums to at most 2**38: times a digit of 2**15, float64 holds it exactly."""
MOST_BITS, LEAST_BITS = 32, 20
PAIR_BITS = 32
"""Fraction bits of the ratios in `Pairs`."""
ENTRY_LIMIT, RATIO_LIMIT = 2.0**18, 256.0
TOLERANCE = 1e-9
"""How far from 1 a determinant may be: what is dropped is below the rounding of the entries."""


class SingularMixError(RevcError):
    """A matrix to mix by has no inverse, has entries that are not finite, or too large to hold."""


@dataclass(frozen=True)
class Triangle:
    """A unit triangular matrix in fixed point.

    Attributes:
        entries: int64 [n, n], zero on the diagonal and on the other side of it; each row sums to
            at most 2**38 in magnitude.
        bits: fraction bits of the entries, 20 to 32.
        upper: whether the entries are above the diagonal.
    """

    entries: Tensor
    bits: int
    upper: bool = False

    def to(self, device: torch.device) -> "Triangle":
        """Return the same matrix on `device`."""
        return Triangle(self.entries.to(device), self.bits, self.upper)


@dataclass(frozen=True)
class Pairs:
    """Disjoint pairs of coordinates (u, v) that become (u e, v / e).

    Attributes:
        first, second: int64 [h], where u and v are.
        ratio, inverse: int64 [h], e and 1 / e with 32 fraction bits, at most 2**40.
    """

    first: Tensor
    second: Tensor
    ratio: Tensor
    inverse: Tensor

    def to(self, device: torch.device) -> "Pairs":
        """Return the same pairs on `device`."""
        moved = (x.to(device) for x in (self.first, self.second, self.ratio, self.inverse))
        return Pairs(*moved)


@dataclass(frozen=True)
class Lifts:
    """A matrix A of determinant +-1 as steps: ``A[rows][:, columns] = L diag(signs) D U``.

    Attributes:
        rows, columns: int64 [n], permutations.
        lower, upper: L and U.
        pairs: D, in the order in which they act.
        signs: int64 [n], each 1 or -1.
    """

    rows: Tensor
    columns: Tensor
    lower: Triangle
    upper: Triangle
    pairs: tuple[Pairs, ...]
    signs: Tensor

    def to(self, device: torch.device) -> "Lifts":
        """Return the same steps on `device`."""
        if self.rows.device == device:
            return self
        lower, upper = self.lower.to(device), self.upper.to(device)
        pairs = tuple(pairs.to(device) for pairs in self.pairs)
        rows, columns, signs = (x.to(device) for x in (self.rows, self.columns, self.signs))
        return Lifts(rows, columns, lower, upper, pairs, signs)


def factor(matrix: Tensor) -> Lifts:
    """Return the lifting steps of a float [n, n] matrix whose determinant is 1 or -1.

    Raises:
        SingularMixError: entries are not finite or pass 2**18, the determinant is another, or a
            diagonal factor passes 256.
    """
    a = matrix.detach().to("cpu", torch.float64)
    if not bool((a.abs() <= ENTRY_LIMIT).all()):
        raise SingularMixError("a matrix to mix by has entries that are not finite or too large")
    rows, columns, packed = _eliminate(a)
    pivots = packed.diagonal().clone()
    pairs = _pairs(pivots.abs())
    lower, upper = triangle(packed), triangle(packed / pivots[:, None], upper=True)
    return Lifts(rows, columns, lower, upper, pairs, torch.where(pivots < 0, -1, 1))


def triangle(matrix: Tensor, upper: bool = False) -> Triangle:
    """Return a unit triangular float64 [n, n] matrix in fixed point; only that side is read.

    Raises:
        SingularMixError: an entry is not finite, or a row sums to 2**18 or more.
    """
    part = (matrix.triu(1) if upper else matrix.tril(-1)).detach().double()
    # A sum of floats would depend on its order; in units of 2**-20 it is one of integers. Each
    # entry counts one unit more, for its rounding below.
    units = (part.abs() * 2.0**LEAST_BITS).ceil() + 1
    if not bool((units <= 2.0**ROW_BITS).all()):
        raise SingularMixError("a triangular factor has entries that are not finite or too large")
    length = int(units.long().sum(1).max()).bit_length()
    bits = min(MOST_BITS, ROW_BITS + LEAST_BITS - length)
    if bits < LEAST_BITS:
        raise SingularMixError(f"a row of a triangular factor sums to 2**{ROW_BITS - bits} or so")
    return Triangle(torch.round(part * 2.0**bits).long(), bits, upper)


@custom_op("revc::permutation", mutates_args=())  # or compilers would trace every round of Philox
def permutation(n: int, seed: int) -> Tensor:
    """Return a random permutation of ``range(n)``, int64 [n], the same on every machine.

    The indices are sorted by a 64-bit Philox word each, at counter (i, 0, 0, 0) under the key
    `seed` modulo 2**64.
    """
    key = (seed & M32, seed >> 32 & M32)
    order = sorted(range(n), key=lambda i: (*philox((i, 0, 0, 0), key)[:2], i))
    return torch.tensor(order, dtype=torch.int64, device="cpu")


@permutation.register_fake
def _(n: int, seed: int) -> Tensor:
    return torch.empty(n, dtype=torch.int64, device="cpu")


def _eliminate(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, columns, and [n, n] with L below the diagonal and D U on and above it."""
    a, n = a.clone(memory_format=torch.contiguous_format), a.shape[0]
    rows, columns = torch.arange(n, device="cpu"), torch.arange(n, device="cpu")
    for k in range(n):
        row, column = _rook(a[k:, k:])
        for x, far in ((a, row), (rows, row), (a.t(), column), (columns, column)):
            _swap(x, k, k + far)
        if not bool(a[k, k] != 0):
            raise SingularMixError("a matrix to mix by is singular")
        below = a[k + 1 :, k].div_(a[k, k])
        # Two kernels: a fused multiply and add would round once, where the machine has one.
        a[k + 1 :, k + 1 :] -= below[:, None] * a[k, k + 1 :]
    return rows, columns, a


def _rook(a: Tensor) -> tuple[int, int]:
    """Return the row and column of an entry that none in either exceeds in magnitude."""
    row, column = int(a[:, 0].abs().argmax()), 0
    while True:
        across = int(a[row].abs().argmax())
        if bool(a[row, across].abs() <= a[row, column].abs()):
            return row, column
        column = across
        down = int(a[:, column].abs().argmax())
        if bool(a[down, column].abs() <= a[row, column].abs()):
            return row, column
        row = down


def _swap(x: Tensor, i: int, j: int) -> None:
    if i != j:
        x[[i, j]] = x[[j, i]]


def _pairs(size: Tensor) -> tuple[Pairs, ...]:
    """Return the diagonal matrix of the positive `size`, float64 [n], as rounds of pairs.

    In each round small and large ones pair up; the one nearer to 1 is the ratio e of its pair, and
    leaves its partner with the product of both.
    """
    size, active, rounds = size.clone(), torch.arange(len(size), device="cpu"), []
    while len(active) > 1:
        active = active[torch.argsort(size[active], stable=True)]
        half = len(active) // 2
        small, large = active[:half], active.flip(0)[:half]
        product = size[small] * size[large]
        settled = torch.where(product > 1, small, large)
        kept = torch.where(product > 1, large, small)
        ratio = size[settled]
        size[kept] = product
        active = torch.cat((kept, active[half : len(active) - half]))
        if bool((ratio != 1).any()):
            rounds.append(Pairs(settled, kept, _ratio(ratio), _ratio(1 / ratio)))
    if not bool(((size[active] - 1).abs() <= TOLERANCE).all()):
        raise SingularMixError("a matrix to mix by has a determinant that is not 1 or -1")
    return tuple(rounds)


def _ratio(e: Tensor) -> Tensor:
    if not bool((e <= RATIO_LIMIT).all()):
        raise SingularMixError("a matrix to mix by is singular, or scales too strongly to be held")
    return torch.round(e * 2.0**PAIR_BITS).long()
