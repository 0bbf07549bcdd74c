"""Scaled dot-product attention with its VJP, by the fused kernel of each device and dtype.

Which kernel runs follows from device, dtype and head size alone, never from a global flag, so
that a rebuild takes the one that the forward pass took:

* on the CPU its own flash kernel;
* on CUDA flash attention for 16-bit floats, memory-efficient attention for float32, and the
  formula itself for float64, which no fused kernel takes.

The fused kernels keep [B, H, T, D] and the log-sum-exp of each row, never the [T, T] scores. Their
forward passes are deterministic, and so are the backward passes on the CPU; those on CUDA add up
by atomics unless `torch.use_deterministic_algorithms` is on.
"""

import math

import torch
from torch import Tensor

aten = torch.ops.aten
FLASH_SIZES = range(8, 257, 8)
"""Head sizes that flash attention takes on CUDA."""


def attend(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    """Return softmax(q k' / sqrt(D)) v, shape [B, H, T, D], and the log-sum-exp, [B, H, T].

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
        return _attend_on_cuda(q, k, v, causal, window)
    bias, causal = _biased(q, k, causal, window)
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
        return _attend_vjp_on_cuda(gradient, q, k, v, out, row, causal, window)
    bias, causal = _biased(q, k, causal, window)
    return aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, q, k, v, out, row, 0.0, causal, attn_mask=bias
    )


def _attend_on_cuda(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    if _takes_flash(q):
        out, row, *_ = aten._flash_attention_forward(
            *_time_first(q, k, v), None, None, q.shape[2], k.shape[2], 0.0, causal, False,
            **_sides(causal, window),
        )  # fmt: skip
        return out.transpose(1, 2), row
    bias, only_causal = _biased(q, k, causal, window)
    if q.dtype == torch.float64:
        return formula(q, k, v, bias, only_causal)
    out, row, *_ = aten._scaled_dot_product_efficient_attention(
        q, k, v, _aligned(bias, q, k), True, 0.0, only_causal
    )
    return out, row


def _attend_vjp_on_cuda(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    if _takes_flash(q):
        unused = torch.zeros(2, dtype=torch.uint64, device=q.device)  # a state of dropout's
        dq, dk, dv = aten._flash_attention_backward(
            *_time_first(gradient, q, k, v, out), row, None, None, q.shape[2], k.shape[2], 0.0,
            causal, unused, unused, **_sides(causal, window),
        )  # fmt: skip
        return dq.transpose(1, 2), dk.transpose(1, 2), dv.transpose(1, 2)
    bias, only_causal = _biased(q, k, causal, window)
    if q.dtype == torch.float64:
        return formula_vjp(gradient, q, k, v, out, row, bias, only_causal)
    zero = torch.zeros((), dtype=torch.int64, device=q.device)
    dq, dk, dv, _ = aten._scaled_dot_product_efficient_attention_backward(
        gradient, q, k, v, _aligned(bias, q, k), out, row, zero, zero, 0.0,
        (True, True, True, False), only_causal,
    )  # fmt: skip
    return dq, dk, dv


def _takes_flash(q: Tensor) -> bool:
    return q.dtype in (torch.bfloat16, torch.float16) and q.shape[-1] in FLASH_SIZES


def _time_first(*tensors: Tensor) -> list[Tensor]:
    """Return [B, T, H, D] views, as flash attention reads them."""
    return [_dense(x.transpose(1, 2)) for x in tensors]


def _sides(causal: bool, window: int | None) -> dict[str, int]:
    """Return how many positions are seen to either side of one's own, itself not counted."""
    if window is None:
        return {}
    return {"window_size_left": window - 1, "window_size_right": 0 if causal else window - 1}


def formula(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Return what `attend` returns, by its definition; holds the scores, [B, H, T, S]."""
    scores = _scores(q, k, bias, causal)
    row = scores.logsumexp(-1)
    return (scores - row[..., None]).exp() @ v, row


def formula_vjp(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor,
    bias: Tensor | None, causal: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the cotangents of q, k and v; Dao et al., "FlashAttention" (2022), appendix B.2."""
    shares = (_scores(q, k, bias, causal) - row[..., None]).exp()
    pulled = gradient @ v.transpose(-1, -2) - (gradient * out).sum(-1, keepdim=True)
    scores = shares * pulled / math.sqrt(q.shape[-1])
    return scores @ k, scores.transpose(-1, -2) @ q, shares.transpose(-1, -2) @ gradient


def _scores(q: Tensor, k: Tensor, bias: Tensor | None, causal: bool) -> Tensor:
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if bias is not None:
        return scores + bias
    if not causal:
        return scores
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    return scores.masked_fill(~seen, -torch.inf)


def _dense(x: Tensor) -> Tensor:
    """Return `x` with adjacent features, which the kernels take for granted without a check."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _biased(
    q: Tensor, k: Tensor, causal: bool, window: int | None
) -> tuple[Tensor | None, bool]:  # fmt: skip
    """Return the bias that a window needs, and whether a kernel still has to mask the future."""
    if window is None:
        return None, causal
    back = torch.arange(q.shape[-2], device=q.device)[:, None] - torch.arange(
        k.shape[-2], device=q.device
    )
    seen = (back < window) & (back >= 0 if causal else back > -window)
    bias = torch.zeros(seen.shape, dtype=q.dtype, device=q.device).masked_fill_(~seen, -torch.inf)
    return bias, False


def _aligned(bias: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    """Expand the bias to all heads over rows padded to 16 elements, as the CUDA kernel wants it."""
    if bias is None:
        return None
    keys = k.shape[-2]
    padded = torch.nn.functional.pad(bias, (0, -keys % 16))
    return padded[:, :keys].expand(q.shape[0], q.shape[1], -1, -1)
