"""Learned invertible matrices: their parameters, and the matrices as functions of these.

Graphs hold parameters as tuples and call the functions; the modules are for people, and the oracle
of the tests. Everything is computed in float64, on the parameters' device. The VJPs are explicit,
so they need no recording of gradients.
"""

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from revc.runtime.nets.base import Net
from revc.runtime.state.factoring import permutation

SCALE_LIMIT = 64.0
LOG_LIMIT = math.log(SCALE_LIMIT)
LU_SEED = 0
"""Seed of the permutation in every `LU`."""

Parameters = tuple[Tensor, ...]


class Mixing(Net):
    """A net of one parameter, `weight`, whose matrix multiplies the last axis, n long."""

    family: ClassVar[str]

    def __init__(self, n: int, weight: Tensor) -> None:
        super().__init__()
        self.n = n
        self.weight = nn.Parameter(weight)

    def matrix(self) -> Tensor:
        """Return the matrix, float64 [n, n], differentiable in the parameters."""
        return matrix_of(self.family, (self.weight,), self.n)

    def forward(self, x: Tensor) -> Tensor:
        """Return the image of x, [.., n]."""
        return x @ self.matrix().to(x.dtype).mT


class Orthogonal(Mixing):
    """A rotation, the Cayley transform ``(I - A)^-1 (I + A)`` of ``A = W - W'``.

    `weight` is W, [n, n]; it starts small, so the rotation starts near the identity.
    Source: Helfrich, Willmott, Ye, "Orthogonal recurrent neural networks with scaled Cayley
    transform" (2018), section 3.
    """

    family = "orthogonal"

    def __init__(self, n: int) -> None:
        super().__init__(n, torch.randn(n, n) * (0.1 / math.sqrt(n)))


class Householder(Mixing):
    """A product ``H_1 .. H_k`` of reflections ``I - 2 v v' / |v|^2``, of determinant (-1)^k.

    `weight` has the vectors v, [k, n]; none may vanish.
    Source: Tomczak, Welling, "Improving VAEs using Householder Flow" (2016), section 3.
    """

    family = "householder"

    def __init__(self, n: int, k: int) -> None:
        super().__init__(n, torch.randn(k, n))


class LU(Mixing):
    """``P L (U + diag s)`` with a fixed random permutation P and s in [1/64, 64].

    `weight` is packed, [n, n]: L below the diagonal, U above it, log s on it. The matrix starts
    orthogonal. The signs of s are fixed, all 1: that leaves out no L and U up to signs, since
    ``L U = S (S L S) (S U)`` for any signs S.
    Source: Kingma, Dhariwal, "Glow" (2018), section 3.2.
    """

    family = "lu"

    def __init__(self, n: int) -> None:
        super().__init__(n, _orthogonal_start(n))


class LuPieces(NamedTuple):
    """``W = P L diag(s) U'``: lift by `upper`, scale, lift by `lower`, permute.

    Attributes:
        permutation: int64 [n], on the CPU; the last step is ``y = z[.., permutation]``.
        lower, upper: L and ``U' = I + diag(1/s) U``, float64 [n, n].
        scale: s, float64 [n], in [1/64, 64].
    """

    permutation: Tensor
    lower: Tensor
    scale: Tensor
    upper: Tensor


def matrix_of(family: str, params: Parameters, n: int, seed: int | None = None) -> Tensor:
    """Return the matrix of a `mix` statement, float64 [n, n].

    Args:
        family: ``permutation``, ``orthogonal``, ``householder`` or ``lu``.
        params: the parameters of the family's net; none for a permutation.
        n: the size of the last axis.
        seed: the permutation's, 0 if not given; the others read none.
    """
    if family == "permutation":
        return torch.eye(n, dtype=torch.float64, device="cpu")[permutation(n, seed or 0)]
    return _FAMILIES[family][0](params[0].double())


def inverse_matrix_of(family: str, params: Parameters, n: int, seed: int | None = None) -> Tensor:
    """Return the inverse of `matrix_of`, float64 [n, n]."""
    matrix = matrix_of(family, params, n, seed)
    return torch.linalg.inv(matrix) if family == "lu" else matrix.mT


def matrix_vjp(family: str, params: Parameters, n: int, cotangent: Tensor) -> Parameters:
    """Return the parameters' cotangents, of their dtypes, for a matrix's, float [n, n]."""
    if family == "permutation":
        return ()
    (weight,) = params
    return (_FAMILIES[family][1](weight.double(), cotangent.double()).to(weight.dtype),)


def log_abs_det(family: str, params: Parameters) -> Tensor:
    """Return the logarithm of the determinant's magnitude, 0-dim float64."""
    if family == "lu":
        return params[0].double().diagonal().clamp(-LOG_LIMIT, LOG_LIMIT).sum()
    return torch.zeros((), dtype=torch.float64, device=params[0].device if params else None)


def log_abs_det_vjp(family: str, params: Parameters, cotangent: Tensor) -> Parameters:
    """Return the parameters' cotangents, of their dtypes, for that of `log_abs_det`, 0-dim."""
    if family != "lu":
        return tuple(torch.zeros_like(x) for x in params)
    (weight,) = params
    return (torch.diag(_inside(weight.double().diagonal()) * cotangent).to(weight.dtype),)


def lu_pieces(params: Parameters, n: int) -> LuPieces:
    """Return the steps of an `LU`'s matrix, which a lattice takes one by one."""
    lower, scale, upper = _unpack(params[0].double())
    unit = upper / scale[:, None] + torch.eye(n, dtype=upper.dtype, device=upper.device)
    return LuPieces(permutation(n, LU_SEED), lower, scale, unit)


def _cayley(weight: Tensor) -> Tensor:
    eye = torch.eye(weight.shape[0], dtype=weight.dtype, device=weight.device)
    return 2 * torch.linalg.inv(eye - (weight - weight.mT)) - eye


def _cayley_vjp(weight: Tensor, cotangent: Tensor) -> Tensor:
    # With M = (I - A)^-1 the matrix is 2 M - I, and dM = M dA M.
    half = (_cayley(weight) + torch.eye(weight.shape[0], device=weight.device)) / 2
    by_skew = 2 * half.mT @ cotangent @ half.mT
    return by_skew - by_skew.mT


def _reflections(weight: Tensor) -> Tensor:
    matrix = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
    for v in weight:
        matrix = _reflect(matrix, v / v.norm())
    return matrix


def _reflections_vjp(weight: Tensor, cotangent: Tensor) -> Tensor:
    matrix, rows = _reflections(weight), []
    for v in weight.flip(0):
        length = v.norm()
        u = v / length
        matrix = _reflect(matrix, u)  # the product without this reflection
        by_unit = -2 * (matrix.mT @ (cotangent @ u) + cotangent.mT @ (matrix @ u))
        rows.append((by_unit - u * (u @ by_unit)) / length)
        cotangent = _reflect(cotangent, u)
    return torch.stack(rows[::-1])


def _reflect(matrix: Tensor, u: Tensor) -> Tensor:
    return matrix - 2 * torch.outer(matrix @ u, u)


def _lu(weight: Tensor) -> Tensor:
    lower, scale, upper = _unpack(weight)
    product = lower @ (upper + torch.diag(scale))
    return product[permutation(weight.shape[0], LU_SEED).to(weight.device)]


def _lu_vjp(weight: Tensor, cotangent: Tensor) -> Tensor:
    lower, scale, upper = _unpack(weight)
    back = permutation(weight.shape[0], LU_SEED).argsort()
    pulled = cotangent[back.to(weight.device)]
    by_lower = pulled @ (upper + torch.diag(scale)).mT
    by_upper = lower.mT @ pulled
    by_log = by_upper.diagonal() * scale * _inside(weight.diagonal())
    return by_lower.tril(-1) + by_upper.triu(1) + torch.diag(by_log)


def _unpack(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return L, s and the strictly upper U of a packed float64 weight."""
    eye = torch.eye(weight.shape[0], dtype=weight.dtype, device=weight.device)
    scale = weight.diagonal().clamp(-LOG_LIMIT, LOG_LIMIT).exp()
    # The exponential may end one unit in the last place outside, where `scale` refuses it.
    return weight.tril(-1) + eye, scale.clamp(1 / SCALE_LIMIT, SCALE_LIMIT), weight.triu(1)


def _inside(log_scale: Tensor) -> Tensor:
    return log_scale.abs() <= LOG_LIMIT


def _orthogonal_start(n: int) -> Tensor:
    square = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0]
    packed = torch.linalg.lu_factor(square)[0]
    signs = packed.diagonal().sign()
    lower, upper = signs[:, None] * packed.tril(-1) * signs, signs[:, None] * packed.triu(1)
    log_scale = packed.diagonal().abs().log()
    return (lower + upper + torch.diag(log_scale)).to(torch.get_default_dtype())


_FAMILIES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "orthogonal": (_cayley, _cayley_vjp),
    "householder": (_reflections, _reflections_vjp),
    "lu": (_lu, _lu_vjp),
}
