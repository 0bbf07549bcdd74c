"""The network of specs/lm.rev in plain torch, for the arms that do not use revc."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


class Attention(nn.Module):
    """Causal self-attention with rotary positions, of a layer norm: [B, T, c] to [B, T, c]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended x."""
        heads = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(rotary(q), rotary(k), v, is_causal=True)
        return self.out(seen.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two affine maps around a gelu, of a layer norm: [B, T, c] to [B, T, c]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the image of x."""
        return self.down(functional.gelu(self.up(self.norm(x))))


class Layer(nn.Module):
    """``a += attention(norm(b)); b += mlp(norm(a))``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.mlp = Mlp(width)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new a and b."""
        a = a + self.attention(b)
        return a, b + self.mlp(a)


class Network(nn.Module):
    """A byte language model of two streams, in the sizes of specs/lm.rev.

    `recompute` checkpoints each layer.
    """

    def __init__(
        self,
        recompute: bool = False,
        labels: int = 256,
        width: int = 256,
        layers: int = 6,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.recompute = recompute
        self.embedding = nn.Embedding(labels, width)
        self.layers = nn.ModuleList(Layer(width // 2, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats; both inputs are int64 [B, T]."""
        a, b = self.embedding(tokens).chunk(2, -1)
        for layer in self.layers:
            if self.recompute:
                a, b = checkpoint(layer, a, b, use_reentrant=False)
            else:
                a, b = layer(a, b)
        return cross_entropy(self.norm(torch.cat((a, b), -1)), targets, self.embedding.weight)


def cross_entropy(x: Tensor, targets: Tensor, weight: Tensor, chunk: int = 256) -> Tensor:
    """Return the mean over all positions, never holding all logits: no arm does."""

    def piece(x: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return functional.cross_entropy(functional.linear(x, weight), targets, reduction="sum")

    pieces = zip(x.flatten(0, 1).split(chunk), targets.flatten().split(chunk), strict=True)
    sums = [checkpoint(piece, *pair, weight, use_reentrant=False) for pair in pieces]
    return torch.stack(sums).sum() / targets.numel()


def rotary(x: Tensor) -> Tensor:
    """Rotate feature i with feature i + D/2 by ``position * 10000**(-2i/D)``; x is [B, H, T, D]."""
    time, half = x.shape[-2], x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(time, dtype=torch.float32)[:, None] * rates
    left, right = x.split(half, -1)
    return torch.cat(
        (left * angle.cos() - right * angle.sin(), right * angle.cos() + left * angle.sin()), -1
    )


HEAD = {
    "nets.Tok.weight": "embedding.weight",
    "nets.norm_0.weight": "norm.weight",
    "nets.norm_0.bias": "norm.bias",
}
LAYER = {
    "attention_0.weight_qkv": "attention.qkv.weight",
    "attention_0.bias_qkv": "attention.qkv.bias",
    "attention_0.weight_out": "attention.out.weight",
    "attention_0.bias_out": "attention.out.bias",
    "norm_0.weight": "attention.norm.weight",
    "norm_0.bias": "attention.norm.bias",
    "mlp_0.weight_in": "mlp.up.weight",
    "mlp_0.bias_in": "mlp.up.bias",
    "mlp_0.weight_out": "mlp.down.weight",
    "mlp_0.bias_out": "mlp.down.bias",
    "norm_1.weight": "mlp.norm.weight",
    "norm_1.bias": "mlp.norm.bias",
}


def from_revc(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of the `Network` that computes what the compiled model of `state` does."""
    found = {}
    for name, value in state.items():
        layer = re.fullmatch(r"nets\.repeat_0\.(\d+)\.Layer_0\.(.+)", name)
        ours = f"layers.{layer[1]}.{LAYER[layer[2]]}" if layer else HEAD[name]
        found[ours] = value
    return found
