"""The plain arm: a pre-LN transformer with rotary positions and a tied embedding."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from benchmarks.lm_setting import Setting
from benchmarks.nets import Attention, Mlp


class RotaryAttention(Attention):
    """Causal self-attention with rotary positions, of a layer norm: [B, T, d] to [B, T, d]."""

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(rotary(q), rotary(k), v, is_causal=True)
        return self.out(seen.transpose(1, 2).flatten(2))


def rotary(x: Tensor) -> Tensor:
    """Rotate feature i with feature i + D/2 by ``position * 10000**(-2i/D)``; x is [B, H, T, D]."""
    time, half = x.shape[-2], x.shape[-1] // 2
    places = torch.arange(half, dtype=torch.float32, device=x.device)
    rates = 10000.0 ** (-places / half)
    angle = torch.arange(time, dtype=torch.float32, device=x.device)[:, None] * rates
    cos, sin = angle.cos(), angle.sin()
    left, right = x.split(half, -1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), -1)


class Layer(nn.Module):
    """``x += attention(norm(x)); x += mlp(norm(x))``."""

    def __init__(self, at: Setting) -> None:
        super().__init__()
        self.attention = RotaryAttention(at.width, at.heads)
        self.mlp = Mlp(at.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp(x)


class Plain(nn.Module):
    """(tokens, targets), int64 [B, T], to the mean cross-entropy in nats.

    `recompute` checkpoints each layer.
    """

    def __init__(self, at: Setting, recompute: bool = False) -> None:
        super().__init__()
        self.recompute, self.chunk = recompute, at.chunk
        self.embedding = nn.Embedding(at.labels, at.width)
        self.layers = nn.ModuleList(Layer(at) for _ in range(at.layers))
        self.norm = nn.LayerNorm(at.width)
        start(self)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = again(layer, x) if self.recompute else layer(x)
        return cross_entropy(self.norm(x), targets, self.embedding.weight, self.chunk)


def again(function: Any, *inputs: Tensor) -> Any:
    """Run a function whose insides are computed again in the backward pass; nothing is random."""
    return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)


def start(network: nn.Module) -> None:
    """Start as revc's built-in nets do."""
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)


def cross_entropy(x: Tensor, targets: Tensor, weight: Tensor, chunk: int) -> Tensor:
    """Return the mean over all positions; the logits of `chunk` of them are held at a time."""

    def piece(x: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return functional.cross_entropy(functional.linear(x, weight), targets, reduction="sum")

    pieces = zip(x.flatten(0, 1).split(chunk), targets.flatten().split(chunk), strict=True)
    sums = [again(piece, *pair, weight) for pair in pieces]
    return torch.stack(sums).sum() / targets.numel()
