"""Cross-entropy of a language model's head, a chunk of tokens at a time: never all logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.errors import ReconstructionError
from revc.runtime.nets.cross_entropy import cross_entropy, cross_entropy_vjp
from revc.runtime.state.checksum import digest

IGNORED = -100
"""The label of tokens that do not count."""

Step = Callable[[Tensor], Tensor]


class Source(NamedTuple):
    """Where hidden states come from: ``step(x)``, with the same bits whenever it is asked for.

    `x` is kept for the step's own backward pass in any case, so hidden states need not be.
    """

    x: Tensor
    step: Step


def next_token_loss(
    hidden: Tensor, labels: Tensor, head: nn.Linear, chunk: int,
    count: Tensor | int | None = None, source: Source | None = None,
) -> Tensor:  # fmt: skip
    """Return the loss of predicting each next token, in nats, 0-dim float32.

    Args:
        hidden: what the head reads, [B, T, d].
        labels: int64 [B, T], not shifted; -100 where a token does not count.
        head: from d to the vocabulary. A weight that wants no gradient costs none.
        chunk: tokens whose logits are there at a time.
        count: what the sum is divided by; how many tokens count, if it is left out.
        source: what gives `hidden` once more on the way back, in place of a copy of it.

    Returns:
        The mean, or the sum over `count`; NaN where no token counts, as PyTorch's own is.

    The backward pass raises `ReconstructionError` where the source gives other hidden states.
    """
    wanted = labels[:, 1:] != IGNORED

    def counted(states: Tensor) -> Tensor:
        return states[:, :-1][wanted]

    rows, targets = counted(hidden), labels[:, 1:][wanted]
    again = source and _then(source, counted)
    mean: Tensor = _Mean.apply(rows, targets, head.weight, head.bias, chunk, again)
    if count is None:
        return mean
    return mean * (targets.numel() / count)


def _then(source: Source, last: Step) -> Source:
    """Return a source whose step does `last` too, and which holds no graph."""
    step = source.step
    return Source(source.x.detach(), lambda x: last(step(x)))


class _Mean(torch.autograd.Function):
    """The mean cross-entropy, whose logits are computed again on the way back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor | None, chunk: int,
        source: Source | None,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(source.x if source else x, targets, weight, bias)
        ctx.chunk, ctx.step = chunk, source and source.step
        ctx.known = digest(x) if source else None
        if targets.numel() == 0:
            return x.new_full((), torch.nan, dtype=torch.float32)
        return cross_entropy(x, targets, weight.to(x.dtype), _to(bias, x.dtype), chunk)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        saved, targets, weight, bias = ctx.saved_tensors
        x = saved if ctx.step is None else _again(ctx.step, saved, ctx.known)
        _, _, by_weight, by_bias, *_ = ctx.needs_input_grad
        if targets.numel() == 0:
            return torch.zeros_like(x), None, None, None, None, None
        cast = (weight.to(x.dtype), _to(bias, x.dtype))
        d_x, d_weight, d_bias = cross_entropy_vjp(
            gradient, x, targets, *cast, ctx.chunk, weight_wanted=by_weight
        )
        d_weight = None if d_weight is None else d_weight.to(weight.dtype)
        d_bias = d_bias.to(bias.dtype) if by_bias and d_bias is not None else None
        return d_x, None, d_weight, d_bias, None, None


def _again(step: Step, x: Tensor, known: Tensor) -> Tensor:
    with torch.no_grad():
        found = step(x)
    if not torch.equal(digest(found), known):
        raise ReconstructionError(
            "what the head reads comes out different on the way back: the norm behind the layers "
            "has changed since the forward pass, or does not repeat"
        )
    return found


def _to(value: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if value is None else value.to(dtype)
