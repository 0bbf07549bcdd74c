"""The matrices of `mix`, by family, as plain torch makes them."""

from functools import cache

import torch
from torch import Tensor

import revc


@cache
def permutation(n: int, seed: int) -> Tensor:
    """Return the matrix of `mix by permutation(seed)`, by letting a program permute."""
    model = revc.compile(
        f"dim B\nstate lattice(Q12.20)\nmodel P(x: [B, {n}]) {{ mix x by permutation({seed}) }}"
    )
    return torch.as_tensor(model(torch.eye(n))[0]).double().mT


def _cayley(weight: Tensor) -> Tensor:
    eye, skew = torch.eye(weight.shape[0], dtype=weight.dtype), weight - weight.mT
    return torch.linalg.solve(eye - skew, eye + skew)


def _reflections(weight: Tensor) -> Tensor:
    matrix = torch.eye(weight.shape[1], dtype=weight.dtype)
    for v in weight:
        matrix = matrix @ (torch.eye(len(v), dtype=v.dtype) - 2 * torch.outer(v, v) / v.dot(v))
    return matrix


def _lu(weight: Tensor) -> Tensor:
    """P L (U + diag s), with P the permutation of seed 0 and s within [1/64, 64]."""
    lower = weight.tril(-1) + torch.eye(weight.shape[0], dtype=weight.dtype)
    scale = weight.diagonal().exp().clamp(1 / 64, 64)
    return permutation(weight.shape[0], 0) @ lower @ (weight.triu(1) + torch.diag(scale))


MATRICES = {"orthogonal": _cayley, "householder": _reflections, "lu": _lu}
