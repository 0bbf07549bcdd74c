"""Softmax attention with grouped heads, rotary positions and a window."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets.base import Net
from revc.runtime.nets.linear import uniform
from revc.runtime.nets.tensor_ops import rotate_pairs


class Attention(Net):
    """Self-attention, [B, T, n] to [B, T, n].

    Sources: Vaswani et al., "Attention Is All You Need" (2017); Ainslie et al., "GQA" (2023) for
    `kv_heads`; Su et al., "RoFormer" (2021) for `rotary`; Beltagy et al., "Longformer" (2020) for
    `window`.
    """

    def __init__(
        self,
        n: int,
        heads: int,
        kv_heads: int,
        causal: bool = False,
        rotary: bool = False,
        window: int | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads, n // heads
        self.causal, self.rotary, self.window = causal, rotary, window
        inner = (heads + 2 * kv_heads) * self.size
        self.weight_qkv = nn.Parameter(uniform(inner, n))
        self.bias_qkv = nn.Parameter(torch.zeros(inner))
        self.weight_out = nn.Parameter(uniform(n, heads * self.size))
        self.bias_out = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        """Return what each position of `x`, [B, T, n], gathers from those that it may see."""
        qkv = functional.linear(x, self.weight_qkv, self.bias_qkv)
        heads = qkv.unflatten(-1, (-1, self.size)).transpose(1, 2)
        q, k, v = heads.split((self.heads, self.kv_heads, self.kv_heads), 1)
        if self.rotary:
            q, k = rotate_pairs(q, 1), rotate_pairs(k, 1)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        out = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=self._mask(x), is_causal=self.causal and self.window is None
        )
        return functional.linear(out.transpose(1, 2).flatten(2), self.weight_out, self.bias_out)

    def _mask(self, x: Tensor) -> Tensor | None:
        if self.window is None:
            return None
        time = torch.arange(x.shape[1], device=x.device)
        back = time[:, None] - time
        return (back < self.window) & (back >= 0 if self.causal else back > -self.window)
