"""Whether two samples depend on each other: mutual information beside a shuffled baseline."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SHUFFLES = 200
_BINS = 12
_CELL = 12
"""Pairs that a cell of the table should have on average."""


@dataclass(frozen=True)
class Dependence:
    """Plug-in bits less those of shuffled pairs, their spread, and how many sigmas that is.

    `sigmas` is the larger of two tests: of the table's information, and of the correlation of
    normal scores, each beside what shuffled pairs give.
    """

    bits: float
    spread: float
    sigmas: float


def dependence(one: Tensor, other: Tensor, seed: int = 0) -> Dependence:
    """Measure how two samples [N] depend on each other; ties are broken at random."""
    random = torch.Generator().manual_seed(seed)
    x, y = ranks(one, random), ranks(other, random)
    bins = max(4, min(_BINS, math.isqrt(len(x) // _CELL)))
    a, b = (x * bins).long(), (y * bins).long()
    scores = torch.special.ndtri(x), torch.special.ndtri(y)
    found, r = _table_bits(a, b, bins), correlation(*scores)
    plain, turned = list[float](), list[float]()
    for _ in range(SHUFFLES):
        mixed = torch.randperm(len(x), generator=random)
        plain.append(_table_bits(a, b[mixed], bins))
        turned.append(correlation(scores[0], scores[1][mixed]))
    base = torch.tensor(plain, dtype=torch.float64)
    spread = float(base.std())
    sigmas = max(_sigmas(math.cbrt(found), base.pow(1 / 3)),
                 abs(_sigmas(r, torch.tensor(turned, dtype=torch.float64))))  # fmt: skip
    return Dependence(found - float(base.mean()), spread, sigmas)


def _sigmas(found: float, base: Tensor) -> float:
    return (found - float(base.mean())) / max(1e-12, float(base.std()))


def _table_bits(a: Tensor, b: Tensor, bins: int) -> float:
    """Return the mutual information of a table of counts, in bits (the plug-in estimate)."""
    joint = torch.bincount(a * bins + b, minlength=bins * bins).double().reshape(bins, bins)
    p = joint / joint.sum()
    independent = p.sum(0, keepdim=True) * p.sum(1, keepdim=True)
    return max(0.0, float(torch.where(p > 0, p * (p / independent).log2(), 0.0).nansum()))


def ranks(values: Tensor, random: torch.Generator) -> Tensor:
    """Return ranks in (0, 1), float64; ties are broken at random."""
    shuffle = torch.randperm(values.numel(), generator=random)
    rank = torch.empty(values.numel(), dtype=torch.float64)
    order = values.cpu()[shuffle].argsort(stable=True)
    rank[shuffle[order]] = torch.arange(values.numel(), dtype=torch.float64)
    return (rank + 0.5) / values.numel()


def correlation(x: Tensor, y: Tensor) -> float:
    """Return the correlation of two samples of mean zero."""
    return float((x * y).mean() / (x.square().mean() * y.square().mean()).sqrt())


def copula_bits(one: Tensor, other: Tensor) -> float:
    """Return the mutual information of a Gaussian copula with the samples' rank correlation."""
    random = torch.Generator().manual_seed(0)
    r = correlation(*(torch.special.ndtri(ranks(t, random)) for t in (one, other)))
    return -0.5 * math.log2(max(1e-12, 1 - r * r))
