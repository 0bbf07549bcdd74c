"""The benchmark's network in plain torch: pre-LN layers of two-stream coupling.

a += attention(norm(b));  b += mlp(norm(a))
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.attentions import KINDS, Kind

STREAM = 2**20  # bytes in one stream of the standard size: 4 * 256 * 256 float32


@dataclass(frozen=True)
class Size:
    """The sizes that the figures are for."""

    layers: int
    batch: int = 4
    time: int = 256
    width: int = 256
    heads: int = 8
    attention: Kind = "full"

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.batch, self.time, self.width


class Attention(nn.Module):
    """Causal self-attention of a layer norm, [B, T, d] to [B, T, d]."""

    def __init__(self, width: int, heads: int, kind: Kind = "full") -> None:
        super().__init__()
        self.heads, self.attend = heads, KINDS[kind]
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        seen = self.attend(q, k, v)
        return self.out(seen.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two affine maps around a gelu, of a layer norm, [B, T, d] to [B, T, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(self.norm(x))))


class Layer(nn.Module):
    """One layer, (a, b) to (a, b)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.f = Attention(size.width, size.heads, size.attention)
        self.g = Mlp(size.width)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        a = a + self.f(b)
        b = b + self.g(a)
        return a, b


def layers(
    size: Size, scale: float = 1.0, dtype: torch.dtype = torch.float32, seed: int = 0
) -> list[Layer]:
    """Return the layers, the same for the same seed, their parameters multiplied by `scale`."""
    torch.manual_seed(seed)
    stack = [Layer(size) for _ in range(size.layers)]
    with torch.no_grad():
        for parameter in nn.ModuleList(stack).parameters():
            parameter.mul_(scale)
    return [layer.to(dtype) for layer in stack]


def streams(size: Size, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return two streams whose values lie on the lattice Q12.20, so that it holds them exactly."""
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(size.shape, generator=generator) for _ in range(2))
    return tuple((x * 2**20).round() / 2**20 for x in (a, b))  # type: ignore[return-value]
