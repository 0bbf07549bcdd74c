"""Scaled dot-product attention with its VJP, by the fused kernel of each device.

The kernels keep [B, H, T, D] and the log-sum-exp of each row, never the [T, T] scores. Their
forward passes are deterministic, which a rebuild needs; so are the backward passes on the CPU. On
CUDA the backward kernel adds some parts of the queries' cotangent in any order, unless
``torch.use_deterministic_algorithms`` is on: then gradients repeat bit for bit, too. It knows no
float64: there the scores are computed in full.
"""

import torch
from torch import Tensor

aten = torch.ops.aten


def attend(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    """Return softmax(q k' / sqrt(D)) v, shape [B, H, T, D], and the log-sum-exp of the scores.

    The latter is for `attend_vjp`: float32, or float64 if q is, [B, H, T or more].

    Args:
        q: queries, [B, H, T, D].
        k: keys, [B, H, S, D].
        v: values, [B, H, S, D].
        causal: whether position t sees positions up to t only.
        window: how many positions back it sees, itself included; None for all.
    """
    if q.numel() == 0:  # the CPU's kernel divides by the number of positions
        return torch.empty_like(q), q.new_empty(q.shape[:-1])
    q, k, v = _dense(q), _dense(k), _dense(v)
    if q.device.type == "cuda":
        kernel = _in_full if q.dtype == torch.float64 else _efficient
        return kernel(q, k, v, causal, window)
    bias, causal = _window_bias(q, k, causal, window), causal and window is None
    return aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, attn_mask=bias)


def attend_vjp(
    gradient: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    row: Tensor,
    causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cotangents of q, k and v from that of the output and what `attend` returned."""
    if q.numel() == 0:
        return torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
    gradient, q, k, v, out = [_dense(x) for x in (gradient, q, k, v, out)]
    if q.device.type == "cuda":
        pull = _in_full_vjp if q.dtype == torch.float64 else _efficient_vjp
        return pull(gradient, q, k, v, out, row, causal, window)
    bias, causal = _window_bias(q, k, causal, window), causal and window is None
    return aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, q, k, v, out, row, 0.0, causal, attn_mask=bias
    )


def _efficient(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    size, bias = q.shape[-1], _aligned(_window_bias(q, k, causal, window), q, k)
    q, k, v = _padded(q), _padded(k), _padded(v)
    out, row, *_ = aten._scaled_dot_product_efficient_attention(
        q, k, v, bias, True, 0.0, causal and window is None, scale=size**-0.5
    )
    return out[..., :size], row


def _efficient_vjp(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    size, bias = q.shape[-1], _aligned(_window_bias(q, k, causal, window), q, k)
    gradient, q, k, v, out = [_padded(x) for x in (gradient, q, k, v, out)]
    zero = torch.zeros((), dtype=torch.int64, device=q.device)
    dq, dk, dv, _ = aten._scaled_dot_product_efficient_attention_backward(
        gradient, q, k, v, bias, out, row, zero, zero, 0.0, (True, True, True, False),
        causal and window is None, scale=size**-0.5,
    )  # fmt: skip
    return dq[..., :size], dk[..., :size], dv[..., :size]


def _in_full(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    scores = _scores(q, k, causal, window)
    row = scores.logsumexp(-1)
    return (scores - row[..., None]).exp() @ v, row


def _in_full_vjp(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    weight = (_scores(q, k, causal, window) - row[..., None]).exp()
    inner = (gradient * out).sum(-1, keepdim=True)
    by_score = weight * (gradient @ v.mT - inner) * q.shape[-1] ** -0.5
    return by_score @ k, by_score.mT @ q, weight.mT @ gradient


def _scores(q: Tensor, k: Tensor, causal: bool, window: int | None) -> Tensor:
    """Return q k' / sqrt(D), [B, H, T, S], minus infinity where a position is not seen."""
    scores = q @ k.mT * q.shape[-1] ** -0.5
    bias = _window_bias(q, k, causal, k.shape[-2] if causal and window is None else window)
    return scores if bias is None else scores + bias


def _dense(x: Tensor) -> Tensor:
    """Return `x` with adjacent features, which the kernels take for granted without a check."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _padded(x: Tensor) -> Tensor:
    """Return `x` with zeros up to a multiple of 8 features: CUDA kernels load 16 bytes at a time.

    Zeros change no score, and what comes out for them is zero.
    """
    return x if x.shape[-1] % 8 == 0 else torch.nn.functional.pad(x, (0, -x.shape[-1] % 8))


def _window_bias(q: Tensor, k: Tensor, causal: bool, window: int | None) -> Tensor | None:
    if window is None:
        return None
    back = torch.arange(q.shape[-2], device=q.device)[:, None] - torch.arange(
        k.shape[-2], device=q.device
    )
    seen = (back < window) & (back >= 0 if causal else back > -window)
    return torch.zeros(seen.shape, dtype=q.dtype, device=q.device).masked_fill_(~seen, -torch.inf)


def _aligned(bias: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    """Expand the bias to all heads over rows padded to 16 elements, as the CUDA kernel wants it."""
    if bias is None:
        return None
    keys = k.shape[-2]
    padded = torch.nn.functional.pad(bias, (0, -keys % 16))
    return padded[:, :keys].expand(q.shape[0], q.shape[1], -1, -1)
