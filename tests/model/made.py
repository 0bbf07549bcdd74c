"""A small model with random parameters, its inputs, and plain PyTorch beside it."""

import torch
from torch import Tensor

import revc
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.laws import randomize
from tests.model.reference import Reference

COUPLED = """
use std.nets: linear
dim B, T, d = 6
state lattice(Q12.20)
model M(a, b: [B, T, d]) -> (a, b: [B, T, d]) { repeat 2 {
  a += linear(b)
  b += linear(a)
} }
"""


def make(source: str = specs.LAYERS, **options: object) -> ReversibleModel:
    torch.manual_seed(0)
    model = revc.compile(source, **options)
    randomize(model)
    return model


def pair(grad: bool = True) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.randn(3, 5, 8, generator=generator) for _ in range(2))
    return a.requires_grad_(grad), b.requires_grad_(grad)


def oracle(model: ReversibleModel, **inputs: Tensor) -> dict[str, Tensor]:
    return Reference(model.graphs.program, model.net_modules())(**inputs)


def close(found: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=2e-3)
