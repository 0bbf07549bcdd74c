"""Cross-entropy of a language model's head, a chunk of tokens at a time: never all logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from revc.runtime.nets.cross_entropy import cross_entropy, cross_entropy_vjp

IGNORED = -100
"""The label of tokens that do not count."""


def next_token_loss(
    hidden: Tensor, labels: Tensor, head: nn.Linear, chunk: int, count: Tensor | int | None = None
) -> Tensor:
    """Return the loss of predicting each next token, in nats, 0-dim float32.

    Args:
        hidden: what the head reads, [B, T, d].
        labels: int64 [B, T], not shifted; -100 where a token does not count.
        head: from d to the vocabulary. A weight that wants no gradient costs none.
        chunk: tokens whose logits are there at a time.
        count: what the sum is divided by; how many tokens count, if it is left out.

    Returns:
        The mean, or the sum over `count`; NaN where no token counts, as PyTorch's own is.
    """
    wanted = labels[:, 1:] != IGNORED
    rows, targets = hidden[:, :-1][wanted], labels[:, 1:][wanted]
    mean: Tensor = _Mean.apply(rows, targets, head.weight, head.bias, chunk)
    if count is None:
        return mean
    return mean * (targets.numel() / count)


class _Mean(torch.autograd.Function):
    """The mean cross-entropy, whose logits are computed again on the way back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor | None, chunk: int
    ) -> Tensor:
        ctx.save_for_backward(x, targets, weight, bias)
        ctx.chunk = chunk
        if targets.numel() == 0:
            return x.new_full((), torch.nan, dtype=torch.float32)
        return cross_entropy(x, targets, weight.to(x.dtype), _to(bias, x.dtype), chunk)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, targets, weight, bias = ctx.saved_tensors
        _, _, by_weight, by_bias, _ = ctx.needs_input_grad
        if targets.numel() == 0:
            return torch.zeros_like(x), None, None, None, None
        cast = (weight.to(x.dtype), _to(bias, x.dtype))
        d_x, d_weight, d_bias = cross_entropy_vjp(
            gradient, x, targets, *cast, ctx.chunk, weight_wanted=by_weight
        )
        d_weight = None if d_weight is None else d_weight.to(weight.dtype)
        d_bias = d_bias.to(bias.dtype) if by_bias and d_bias is not None else None
        return d_x, None, d_weight, d_bias, None


def _to(value: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if value is None else value.to(dtype)
