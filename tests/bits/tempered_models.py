"""Distributions of every family, small and wide, for the tests of tempering."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from revc.runtime.bits.dist import (
    Categorical,
    Distribution,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
)

B, E = 6, 40
ALPHA = torch.tensor([0.0, 0.03, 0.25, 0.6, 0.95, 1.0])


def reals(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def mixture(seed: int, width: float, family: str) -> Mixture:
    parts = (B, E, 3)
    scale = torch.exp(reals(parts, seed + 1)) * width
    loc = reals(parts, seed) * width * 3
    return Mixture(reals(parts, seed + 2) * 2, loc, scale, 1.0, family)


def window(kind: type[Logistic] | type[Gaussian], seed: int, width: float) -> Distribution:
    loc = reals((B, E), seed) * width * 20
    return kind(loc, torch.exp(reals((B, E), seed + 1)) * width)


def bases(seed: int, high: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(1, high + 1, (B, E), generator=random)


MODELS: dict[str, Callable[[int], Distribution]] = {
    "logistic": lambda s: window(Logistic, s, 1.5),
    "gaussian": lambda s: window(Gaussian, s, 2.0),
    "logistic, narrow": lambda s: window(Logistic, s, 0.01),
    "gaussian, on ties": lambda s: Gaussian(torch.full((B, E), 0.5), torch.full((B, E), 0.5)),
    "logistic, wide": lambda s: window(Logistic, s, 3e3),
    "gaussian, widest": lambda s: window(Gaussian, s, 3e7),
    "mixture": lambda s: mixture(s, 1.0, "logistic"),
    "mixture, wide": lambda s: mixture(s, 2e3, "gaussian"),
    "softmax": lambda s: Categorical(reals((B, E, 40), s) * 2),
    "softmax, flat": lambda s: Categorical(torch.zeros(B, E, 256)),
    "softmax, digits": lambda s: Categorical(reals((B, 4, 1500), s) * 2),
    "softmax, three digits": lambda s: Categorical(reals((B, 1, 66_000), s)),
    "uniform": lambda s: Uniform(1000),
    "uniform, small": lambda s: Uniform(3),
    "uniform, large": lambda s: Uniform((1 << 31) - 5),
    "uniforms": lambda s: Uniform(bases(s, 1 << 16)),
    "uniforms, small": lambda s: Uniform(bases(s, 70)),
    "wide": lambda s: WideUniform(bases(s, 1 << 32)),
    "table": lambda s: Table.from_counts(torch.arange(60) ** 2),
    "table, flat": lambda s: Table.from_counts(torch.ones(256, dtype=torch.int64), torch.uint8),
    "table, large": lambda s: Table.from_counts(torch.ones(20_000, dtype=torch.int64)),
}
ALL = pytest.mark.parametrize("name", sorted(MODELS))


def shape_of(model: Distribution) -> tuple[int, ...]:
    return tuple(model.shape or (B, E))


def per_sequence(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Mean of [B, ..], [B] or [] over all but the sequences."""
    if bits.shape != shape:
        return bits.expand(B)
    return bits.flatten(1).mean(1)
