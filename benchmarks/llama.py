"""Layers of transformers' Llama in two-stream coupling, through revc and with checkpointing.

a += attention(norm(b), cos, sin, mask);  b += mlp(norm(a))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import revc

BATCH, TIME, WIDTH, HEADS, INNER = 2, 512, 512, 8, 1408
STREAM = 4 * BATCH * TIME * WIDTH  # bytes

SPEC = """dim B, T, d, h
state {state}
model Llama(
  a, b: [B, T, d], given cos: float32[T, h], given sin: float32[T, h], given mask: float32[T, T]
) {{
  repeat {layers} {{
    net F(x: [B, T, d], cos, sin: [T, h], mask: [T, T]) -> [B, T, d]
    net G(x: [B, T, d]) -> [B, T, d]
    a += F(b, cos, sin, mask)
    b += G(a)
  }}
}}
"""


class Attention(nn.Module):
    """The first half of a layer."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.norm, self.attention = layer.input_layernorm, layer.self_attn

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        turned = (cos[None], sin[None])
        return self.attention(self.norm(x), turned, mask[None, None])[0]


class Mlp(nn.Module):
    """The second half."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.norm, self.mlp = layer.post_attention_layernorm, layer.mlp

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(self.norm(x))


def halves(count: int, dropout: float = 0.0) -> list[tuple[nn.Module, nn.Module]]:
    """Return the layers, cut in two; the same for the same count."""
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS // 2,
        num_hidden_layers=count,
        attention_dropout=dropout,
    )
    config._attn_implementation = "sdpa"
    torch.manual_seed(0)
    found = [LlamaDecoderLayer(config, index) for index in range(count)]
    return [(Attention(layer), Mlp(layer)) for layer in found]


def inputs() -> list[Tensor]:
    """Return streams, cosines, sines and a causal mask."""
    torch.manual_seed(1)
    streams = [torch.randn(BATCH, TIME, WIDTH, requires_grad=True) for _ in range(2)]
    size = WIDTH // HEADS
    rates = 10000.0 ** (-torch.arange(0, size, 2) / size)
    angles = (torch.arange(TIME)[:, None] * rates).repeat(1, 2)
    mask = torch.full((TIME, TIME), float("-inf")).triu(1)
    return [*streams, angles.cos(), angles.sin(), mask]


class Plain(nn.Module):
    """The network in plain torch, each layer checkpointed or not."""

    def __init__(self, count: int, checkpointed: bool, dropout: float) -> None:
        super().__init__()
        self.checkpointed = checkpointed
        self.layers = nn.ModuleList(nn.ModuleList(pair) for pair in halves(count, dropout))

    def forward(self, a: Tensor, b: Tensor, *givens: Tensor) -> tuple[Tensor, Tensor]:
        for pair in self.layers:
            if self.checkpointed:
                a, b = checkpoint(_layer, pair, a, b, *givens, use_reentrant=False)
            else:
                a, b = _layer(pair, a, b, *givens)
        return a, b


def _layer(pair: Any, a: Tensor, b: Tensor, *givens: Tensor) -> tuple[Tensor, Tensor]:
    a = a + pair[0](b, *givens)
    return a, b + pair[1](a)


def reversible(count: int, state: str, dropout: float, **options: Any) -> nn.Module:
    """Return the network as revc runs it."""
    pairs = halves(count, dropout)
    nets = {"F": [f for f, _ in pairs], "G": [g for _, g in pairs]}
    text = SPEC.format(state=state, layers=count)
    dims = {"d": WIDTH, "h": WIDTH // HEADS}
    return revc.compile(text, dims=dims, nets=nets, **options)


LATTICE = "lattice(Q12.20)"
ARMS: dict[str, Callable[[int, float], nn.Module]] = {
    "plain": lambda count, p: Plain(count, False, p),
    "checkpointed": lambda count, p: Plain(count, True, p),
    "revc float": lambda count, p: reversible(count, "float32", p),
    "revc lattice": lambda count, p: reversible(count, LATTICE, p),
    "revc lattice, called": lambda count, p: reversible(
        count, LATTICE, p, capture="never", rng="replay"
    ),
}


def step(module: nn.Module, values: list[Tensor]) -> Callable[[], None]:
    """Return a step: forward and backward, adding to the gradients that are there."""

    def run() -> None:
        out = module(*values)
        sum(x.sum() for x in tuple(out)[:2]).backward()

    return run
