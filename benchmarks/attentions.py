"""Causal attention in plain torch: full, in a sliding window, and linear; all [B, H, T, D]."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Kind = Literal["full", "window", "linear"]
BLOCK = 256
"""How far back a window sees, itself included; linear attention takes so many at a time."""


def full(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention to all positions up to one's own."""
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def window(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention to the last `BLOCK` positions, by blocks; T is a multiple of `BLOCK`.

    A block sees itself and the one before it, so the cost grows with T and not with its square.
    """
    first = full(*(x[:, :, :BLOCK] for x in (q, k, v)))
    if q.shape[2] == BLOCK:
        return first
    q, k, v = (x.flatten(0, 1).unflatten(1, (-1, BLOCK)) for x in (q, k, v))  # [B H, N, W, D]
    k, v = (torch.cat((x[:, :-1], x[:, 1:]), 2) for x in (k, v))
    back = torch.arange(BLOCK, device=q.device)[:, None] + BLOCK
    back = back - torch.arange(2 * BLOCK, device=q.device)
    seen = (back >= 0) & (back < BLOCK)
    out = functional.scaled_dot_product_attention(q[:, 1:], k, v, attn_mask=seen)
    return torch.cat((first, out.flatten(1, 2).unflatten(0, first.shape[:2])), 2)


def linear(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Weights elu(q) + 1 times elu(k) + 1 (Katharopoulos et al., 2020), `BLOCK` at a time."""
    q, k = ((functional.elu(x) + 1).unflatten(2, (-1, BLOCK)) for x in (q, k))  # [B, H, N, W, D]
    v = functional.pad(v, (0, 1), value=1.0).unflatten(2, (-1, BLOCK))  # with the weights' sum
    sums = (k.transpose(-1, -2) @ v).float()
    before = (sums.cumsum(2) - sums).to(q.dtype)  # of all earlier blocks
    own = (q @ k.transpose(-1, -2)).tril() @ v
    both = (own + q @ before).flatten(2, 3)
    return both[..., :-1] / both[..., -1:]


KINDS: dict[Kind, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "full": full,
    "window": window,
    "linear": linear,
}
